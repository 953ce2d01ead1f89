/** Remove the groups whose owners are gone. */
export function sweep(): Promise<void>;
