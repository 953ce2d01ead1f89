/**
 * A change of a host that is cut short at each call by which it changes something there, and the same change once more.
 * What must hold is told by looking at the files alone: the root of an undisturbed change is the measure.
 */
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { HostResult } from "../../src/deploy/apply/outcome.ts";
import { CaissonError } from "../../src/model/index.ts";
import { mapConcurrently } from "../../src/system/index.ts";
import type { Workbench } from "./hand-made.ts";
import { onCopy, untilUnlocked, type Interruptible } from "./interrupt-every-step.ts";
import type { CallKiller, Victim } from "./kill-at-call.ts";

/** What a change comes to where nobody is in its way. */
export interface Undisturbed {
  readonly calls: number;
  readonly files: ReadonlyMap<string, string>;
  /** The files of each release, as `versions/current` shows them. */
  readonly releases: Readonly<Record<string, string>>;
}

export interface SweptCalls {
  /** How many calls the change makes. */
  readonly calls: number;
  readonly kills: number;
  readonly faults: readonly string[];
}

/** What a sync does is not asked for here, so that the file system need not do it. */
export const fastest: string = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** `count` numbers from 1 to `all`, as evenly as may be; all of them where a full sweep is asked for (SWEEP=all). */
export function spread(all: number, count: number): readonly number[] {
  if (process.env["SWEEP"] === "all" || count >= all) return Array.from({ length: all }, (_, at) => at + 1);
  return Array.from({ length: count }, (_, at) => 1 + Math.floor((at * all) / count));
}

/** Kill at `count` of the calls of a change, as evenly spread as may be. */
export async function killAtCalls(bench: Workbench, killer: CallKiller, change: Interruptible, victim: Victim, count: number): Promise<SweptCalls> {
  const wanted = await undisturbed(bench, killer, change);
  const points = spread(wanted.calls, count);
  const faults = await mapConcurrently(points, 3, (at) => onCopy(bench, change, async (root) => {
    const env = killer.env(at, victim);
    const result = victim === "command" ? await byCommand(bench, killer, change, root, env) : await carryOut(change, root, env);
    await untilUnlocked(bench, root);
    return (await judgeCut(killer, change, wanted, root, result)).map((fault) => `${victim} killed at call ${at} of ${wanted.calls}: ${fault}`);
  }));
  return { calls: wanted.calls, kills: points.length, faults: faults.flat() };
}

/** Everything that is not as it must be after a change was cut short, and after the same change once more. */
export async function judgeCut(killer: CallKiller, change: Interruptible, wanted: Undisturbed, root: string, result?: HostResult): Promise<readonly string[]> {
  return [...findUntruth(change, wanted, root, result), ...(await findDivergence(change, wanted, root, { PATH: killer.path }, result))];
}

export async function undisturbed(bench: Workbench, killer: CallKiller, change: Interruptible): Promise<Undisturbed> {
  const before = filesBelow(join(change.template, "versions/current"));
  return await onCopy(bench, change, async (root) => {
    const env = killer.env(0, "nobody");
    const result = await carryOut(change, root, env);
    if (result?.outcome !== "done") throw new Error(`undisturbed: ${result?.outcome}, ${result?.problem?.message}`);
    return { calls: killer.counted(env) ?? 0, files: lasting(root), releases: { [change.from]: before, [change.to]: filesBelow(join(root, "versions/current")) } };
  });
}

/** What is told of the host; nothing where it was refused when it was planned. */
async function carryOut(change: Interruptible, root: string, env: Readonly<Record<string, string>>): Promise<HostResult | undefined> {
  try {
    await using prepared = await change.prepare(change.target(root), env);
    return (await prepared.apply())[0];
  } catch (error) {
    if (error instanceof CaissonError) return undefined;
    throw error;
  }
}

/** The same by a process of its own, which nobody hears of any more. */
async function byCommand(bench: Workbench, killer: CallKiller, change: Interruptible, root: string, env: ReturnType<CallKiller["env"]>): Promise<undefined> {
  const words = { store: bench.store.directory, root, action: change.action, stack: change.stack, target: change.target(root) };
  const { status, stderr } = await bench.ctx.run([process.execPath, join(import.meta.dirname, "deploy-and-die.mjs"), JSON.stringify(words)], { cwd: root, env: { ...bench.ctx.env, ...env } });
  // How often an agent speaks is chance, and so is whether the last call comes.
  if (status === 0 && !killer.reached(env)) return;
  if (status !== 137) throw new Error(`the command did not die: ${status} ${Buffer.from(stderr).toString()}`);
}

/** I1 and I4: at once, before anybody looks at the host again, `current` is one whole release, and the one that was told. */
function findUntruth(change: Interruptible, { releases }: Undisturbed, root: string, result: HostResult | undefined): readonly string[] {
  const current = readlinkSync(join(root, "versions/current"));
  const files = filesBelow(join(root, "versions/current"));
  const told = result === undefined || result.outcome === "unknown" ? current : result.outcome === "done" ? change.to : change.from;
  return [
    ...(releases[current] === undefined ? [`current is ${current}`] : []),
    ...(files === releases[current] ? [] : [`${current} is not whole`]),
    ...(told === current && (result?.now ?? current) === current ? [] : [`said ${result?.outcome} (now: ${result?.now}), and current is ${current}`]),
  ];
}

/** I2, I3 and I5: the next contact finds one release and its processes, the same change is done, and nothing tells this root from an undisturbed one. */
async function findDivergence(change: Interruptible, wanted: Undisturbed, root: string, env: Readonly<Record<string, string>>, before: HostResult | undefined): Promise<readonly string[]> {
  await using prepared = await change.prepare(change.target(root), env);
  const state = prepared.hosts[0]?.state;
  const current = state?.current ?? "";
  const settled = change.look?.(root, current) ?? [];
  const moved = before !== undefined && before.outcome !== "unknown" && before.now !== current ? [`said ${before.now}, and the next contact finds ${current}`] : [];
  const open = state?.releases.filter((release) => release.state === "unconfirmed").map(({ label }) => `${label} is unconfirmed after a contact`) ?? [];
  const [result] = await prepared.apply();
  const files = lasting(root);
  const differing = [...new Set([...files.keys(), ...wanted.files.keys()])].filter((path) => files.get(path) !== wanted.files.get(path));
  return [
    ...moved, ...open, ...settled,
    ...(result !== undefined && ["done", "unchanged"].includes(result.outcome) ? [] : [`again: ${result?.outcome}, ${result?.problem?.message}`]),
    ...differing.map((path) => `again: ${path} is ${files.get(path) ?? "not there"}, not ${wanted.files.get(path) ?? "not there"}`),
    ...(change.look?.(root, change.to) ?? []).map((fault) => `again: ${fault}`),
    ...readdirSync(dirname(root)).filter((name) => !/^(?:copy-\d+|killer-\w+|store|template.*|\..*)$/.test(name)).map((name) => `${name} lies outside of the root`),
  ];
}

/** Every file below, through links, with its bytes. */
function filesBelow(directory: string): string {
  const paths = readdirSync(directory, { recursive: true, encoding: "utf8" }).toSorted();
  return paths.map((path) => `${path} ${contentOf(join(directory, path))}`).join("\n");
}

function contentOf(path: string): string {
  const found = lstatSync(path);
  if (found.isSymbolicLink()) return `-> ${readlinkSync(path)}`;
  if (found.isDirectory()) return "a directory";
  // When a release was made is of no interest here.
  return `${found.mode.toString(8)} ${readFileSync(path, "latin1").replace(/"(?:generation|time)":\d+,?/g, "")}`;
}

/** Every name in a root and what is in it, but for what tells of times and of tries. */
function lasting(root: string): ReadonlyMap<string, string> {
  const paths = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => !/^(?:journal\.jsonl|\.generation|\.lock|env(?:\/.*)?|\.env\/.*|service\.log)$/.test(path));
  const sets = existsSync(join(root, ".env")) ? readdirSync(join(root, ".env")).length : 0;
  const notes = /^trees\/[0-9a-f]{64}\.made$/;
  return new Map([...paths.map((path): [string, string] => [path, notes.test(path) ? "a note" : contentOf(join(root, path))]), ["sets of values", String(sets)]]);
}
