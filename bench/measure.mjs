/** Timing of whole processes, ours and a peer's in turn, so that a ratio holds when the machine's speed drifts. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

/**
 * @typedef {{ name: string, before?: () => void, argv: readonly string[] | (() => readonly string[]), cwd?: string, env?: Record<string, string>, grows?: string }} Contender `grows`: a directory whose growth on disk counts
 * @typedef {{ wall: number, cpu: number, mb: number, grown: number }} Figure megabytes: of memory, and of new disk
 */

/** Run each contender `runs` times in turn after one warm-up; median figures by name. */
export function measure(contenders, { runs, log }) {
  const figures = new Map(contenders.map(({ name }) => [name, []]));
  for (let run = -1; run < runs; run++) {
    for (const contender of contenders) {
      contender.before?.();
      const figure = once(contender, log);
      if (run >= 0) figures.get(contender.name).push(figure);
    }
  }
  return new Map([...figures].map(([name, all]) => [name, { wall: median(all.map(({ wall }) => wall)), cpu: median(all.map(({ cpu }) => cpu)), mb: Math.max(...all.map(({ mb }) => mb)), grown: median(all.map(({ grown }) => grown)) }]));
}

function once({ name, argv, cwd, env, grows }, log) {
  const before = sizeOnDisk(grows);
  const words = typeof argv === "function" ? argv() : argv;
  const { stdout, status } = spawnSync("python3", [join(import.meta.dirname, "measure.py"), log, ...words], { cwd, env: { ...process.env, ...env }, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  if (status !== 0) throw new Error(`measuring ${name} failed`);
  const figure = JSON.parse(stdout);
  if (figure.status !== 0) throw new Error(`${name} ended with ${figure.status}: ${words.join(" ")} (see ${log})`);
  return { ...figure, grown: sizeOnDisk(grows) - before };
}

/** Megabytes that a directory takes, what has several names once. */
function sizeOnDisk(directory) {
  if (directory === undefined) return 0;
  return Number(spawnSync("du", ["-s", "--block-size=1", directory], { encoding: "utf8" }).stdout.split("\t")[0]) / 1e6;
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
