/** Part of the key under which a `Distribution` is cached; raised whenever the same wheel could be read differently. */
export const ruleSetVersion: string = "4";
