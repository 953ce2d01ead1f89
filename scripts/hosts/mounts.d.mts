export function mountPointsBelow(directory: string): readonly string[];
