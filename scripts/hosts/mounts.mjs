import { readFileSync } from "node:fs";

/** Where something is mounted below a directory, innermost first. */
export function mountPointsBelow(directory) {
  const points = readFileSync("/proc/self/mountinfo", "utf8").split("\n").map((line) => (line.split(" ")[4] ?? "").replaceAll(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))));
  return points.filter((point) => point.startsWith(`${directory}/`)).toReversed();
}
