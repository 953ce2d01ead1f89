import { performance } from "node:perf_hooks";
import type { Change, HostPlan, HostResult, Plan, Problem } from "../index.ts";
import type { Cli, ExitStatus, Input, Option } from "./command.ts";

export const toOption: Option = { flag: "--to <target>", summary: "a target of caisson.toml, user@host:/root, or local:DIR" };
export const planOption: Option = { flag: "--plan", summary: "say what would be done, and do nothing" };

export const acrossOption: Option = { flag: "--across-hooks", summary: "also back across irreversible hooks: the older release works with what they have done" };

/** Columns with two spaces between them; the last is as wide as it is. */
export function alignColumns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows.reduce<readonly number[]>((known, row) => Array.from({ length: Math.max(known.length, row.length) }, (_, at) => Math.max(known[at] ?? 0, row[at]?.length ?? 0)), []);
  return rows.map((row) => row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join("  ").trimEnd());
}

/** Rows that begin with a host, for a terminal: where they are more than it shows, hosts of which the same is said have one row, and how many they are. */
export function foldRows({ library, rows }: Pick<Cli, "library" | "rows">, found: readonly (readonly string[])[]): readonly (readonly string[])[] {
  if (rows === undefined || found.length < rows) return found;
  const groups = new Map<string, readonly (readonly string[])[]>();
  for (const row of found) {
    const said = JSON.stringify(row.slice(1));
    groups.set(said, [...(groups.get(said) ?? []), row]);
  }
  return [...groups.values()].map((group) => [library.foldNames(group.map(([host = ""]) => host)), ...(group[0] ?? []).slice(1), ...(group.length === 1 ? [] : [`${group.length} hosts`])]);
}

export function printLines(cli: Cli, lines: readonly string[]): void {
  for (const line of lines) cli.print(line);
}

/** What a plan will do, host by host. */
export function planLines({ library }: Pick<Cli, "library">, plan: Plan): readonly string[] {
  const what = plan.ref === undefined ? plan.action : library.printStackRef(plan.ref);
  const cells = (host: HostPlan): readonly string[] => {
    const name = host.host.name;
    if (plan.action === "prune") return [name, host.removes.length === 0 ? "remove nothing" : `remove ${host.removes.join(", ")}`];
    if (plan.action === "repair") return [name, ...repairCells(host, library.printSize)];
    if (host.steps.length === 0) return [name, host.to ?? "none", "unchanged"];
    const values = host.steps.some(({ step }) => step === "environment") && host.from !== null ? ["environment changed"] : [];
    return [name, `${host.from ?? "none"} -> ${host.to ?? "none"}`, `send ${library.printSize(host.sendBytes)}`, `restart ${host.restarts.length}`, `hooks ${host.hooks}`, ...values];
  };
  return [`plan ${what} -> ${plan.target}, ${plan.hosts.length} ${plan.hosts.length === 1 ? "host" : "hosts"}`, ...alignColumns(plan.hosts.map(cells)), ...hookLines(plan), ...alignColumns((plan.exceptions ?? []).map(({ rule, fileName, reason }) => [`  except ${rule}`, fileName, reason]))];
}

function repairCells({ steps, sendBytes }: HostPlan, printSize: (bytes: number) => string): readonly string[] {
  const count = (kind: "tree" | "stage", one: string, many: string): readonly string[] => {
    const found = steps.filter(({ step }) => step === kind).length;
    return found === 0 ? [] : [`${found} ${found === 1 ? one : many}`];
  };
  return steps.length === 0 ? ["mend nothing"] : [`mend ${[...count("tree", "tree", "trees"), ...count("stage", "release", "releases")].join(" and ")}`, `send ${printSize(sendBytes)}`];
}

/** Each hook once, in the order in which it is first run: where, when, its words, and what is to be known of it. */
function hookLines(plan: Plan): readonly string[] {
  const found = new Map<string, { readonly cells: readonly string[]; readonly hosts: string[] }>();
  for (const { host, steps } of plan.hosts) {
    for (const { package: owner, hook } of steps.flatMap((step) => (step.step === "hook" ? [step] : step.step === "prune" ? (step.hooks ?? []) : []))) {
      const notes = [...(hook.once === "stack" ? ["once"] : []), ...(hook.reversible ? [] : ["irreversible"])];
      const cells = [`  hook ${owner}`, hook.at, hook.argv.map(printWord).join(" "), ...(notes.length === 0 ? [] : [`(${notes.join(", ")})`])];
      const known = found.get(cells.join(" "));
      if (known === undefined) found.set(cells.join(" "), { cells, hosts: [host.name] });
      else if (!known.hosts.includes(host.name)) known.hosts.push(host.name);
    }
  }
  return alignColumns([...found.values()].map(({ cells: [owner = "", ...rest], hosts }) => [owner, ...(plan.hosts.length === 1 ? [] : [hosts.length === plan.hosts.length ? "all" : hosts.join(",")]), ...rest]));
}

/** A word as one would write it; one that could be taken for something else, or spoil a terminal, in quotes. */
function printWord(word: string): string {
  return /^[\w@%+=:,./$-]+$/.test(word) ? word : JSON.stringify(word);
}

/** A plan, and the hosts that it is not for because they did not answer. */
export function showPlan(cli: Cli, { plan, missed }: Change): void {
  if (cli.json) {
    cli.emit(plan);
    return;
  }
  noteMissed(cli, missed);
  const beside = missed.filter(({ host }) => !plan.hosts.some((planned) => planned.host.name === host));
  printLines(cli, [...planLines(cli, plan), ...beside.map(({ host }) => `${host}  out of reach`)]);
}

/** What became of each host. */
export function resultLines(cli: Pick<Cli, "library" | "rows">, results: readonly HostResult[]): readonly string[] {
  return alignColumns(foldRows(cli, results.map((result) => {
    const release = result.name === undefined ? (result.to ?? "none") : `${result.name}@${result.to ?? "none"}`;
    switch (result.outcome) {
      case "done":
        return [result.host, release, "active", result.from === result.to ? "(restarted)" : `(was: ${result.from ?? "none"})`];
      case "unknown":
        return [result.host, release, "unknown"];
      case "unchanged":
        return [result.host, release, "unchanged"];
      default:
        return [result.host, release, result.outcome, ...(result.now === undefined ? [] : [`(now: ${result.now ?? "none"}${result.health === undefined ? "" : `, ${result.health}`})`])];
    }
  })));
}

/** Why hosts are not as wanted, on stderr: one line for each cause. A host that is unknown, or was never begun, is not what went wrong. */
export function noteProblems(cli: Cli, results: readonly HostResult[]): void {
  const found = results.flatMap(({ host, outcome, problem }) => (problem === undefined || outcome === "unknown" || problem.code === "cancelled" ? [] : [{ host, problem: problem.code === "unhealthy" ? { ...problem, message: `unhealthy: ${problem.message}` } : problem }]));
  for (const { problem } of cli.library.groupProblems(found, "always")) cli.note(problem.message);
  const unknown = results.flatMap(({ host, outcome, problem }) => (outcome === "unknown" && problem !== undefined ? [{ host, problem }] : []));
  for (const { problem } of cli.library.groupProblems(unknown, "always")) cli.note(`  ${problem.message}`);
}

/** Which hosts could not be asked, on stderr: one line for each cause, and what to type. */
export function noteMissed(cli: Cli, hosts: readonly { readonly host: string; readonly problem?: Problem }[]): void {
  const missed = hosts.flatMap(({ host, problem }) => (problem === undefined ? [] : [{ host, problem }]));
  for (const { problem } of cli.library.groupProblems(missed, "always")) cli.note(problem.message);
  for (const hint of new Set(missed.flatMap(({ problem }) => problem.hint ?? []))) cli.note(`hint: ${hint}`);
}

/** What to type next, each once; `typed` is how the stack was named. */
export function noteHints(cli: Cli, results: readonly HostResult[], plan: Pick<Plan, "target" | "action" | "ref" | "hosts">, typed?: string): void {
  for (const hint of nextHints(results, plan, typed)) cli.note(`hint: ${hint}`);
}

/** Hosts that are unknown come before everything else; what went back says why; what was not reached or not begun is taken up again. */
function nextHints(results: readonly HostResult[], { target, action, ref, hosts }: Pick<Plan, "target" | "action" | "ref" | "hosts">, typed: string | undefined): readonly string[] {
  const has = (...outcomes: readonly HostResult["outcome"][]): boolean => results.some(({ outcome }) => outcomes.includes(outcome));
  if (has("unknown")) return [`caisson status --to ${target}`];
  const hints = new Set(results.flatMap(({ outcome, problem }) => (outcome === "not-done" || outcome === "partly-done" ? (problem?.hint?.replaceAll(/caisson (rollback|verify|prune)(?! --to)/g, `caisson $1 --to ${target}`) ?? []) : [])));
  const undone = results.find(({ outcome, problem }) => outcome === "undone" && problem?.code !== "cancelled");
  if (undone !== undefined) {
    const [process, ...others] = hosts.find(({ host }) => host.name === undone.host)?.restarts ?? [];
    const logs = undone.problem?.code === "unhealthy" && process !== undefined;
    hints.add(logs ? `caisson logs --to ${target}${others.length === 0 ? ` ${process}` : ""}` : `caisson history --to ${target}`);
  }
  const left = undone === undefined && !has("partly-done") && results.some(({ problem }) => problem?.code === "cancelled");
  if (left || (has("done", "unchanged") && has("undone", "not-done"))) hints.add(`the rest again: ${again(action, ref, target, typed)}`);
  return [...hints];
}

function again(action: Plan["action"], ref: Plan["ref"], target: string, typed: string | undefined): string {
  if (action === "deploy") return `caisson deploy ${typed ?? (ref === undefined ? "" : `${ref.name}@${ref.label}`)} --to ${target} --retry`;
  return action === "rollback" && ref !== undefined ? `caisson rollback --to ${target} --to-release ${ref.label}` : `caisson ${action} --to ${target}`;
}

/** How it went over all, for who watches: one line. */
function noteSummary(cli: Cli, results: readonly HostResult[], change: Change, milliseconds: number): void {
  const { printSize, foldNames } = cli.library;
  if (results.length < 2 || (!cli.terminal && results.length <= FEW)) return;
  const parts = (["done", "unchanged", "undone", "partly-done", "not-done", "unknown"] as const).flatMap((outcome) => {
    const hosts = results.filter((result) => result.outcome === outcome).map(({ host }) => host);
    return hosts.length === 0 ? [] : [`${hosts.length} ${outcome}${outcome === "done" || outcome === "unchanged" ? "" : ` (${foldNames(hosts)})`}`];
  });
  const done = new Set(results.filter(({ outcome }) => outcome === "done").map(({ host }) => host));
  const plans = change.plan.hosts.filter(({ host }) => done.has(host.name));
  const sum = (bytes: readonly number[]): string => printSize(bytes.reduce((all, each) => all + each, 0));
  const sent = plans.length === 0 ? [] : [`${sum(plans.map(({ sendBytes }) => sendBytes))} sent, ${sum(plans.map(({ keptBytes }) => keptBytes))} not sent`];
  const skewed = change.hosts.filter(({ skew = 0 }) => Math.abs(skew) > SKEWED).map(({ host }) => host.name);
  cli.note(`  ${[`${results.length} hosts: ${parts.join(", ")}`, ...sent, `${(milliseconds / 1000).toFixed(1)} s`, ...(skewed.length === 0 ? [] : [`clocks wrong on ${foldNames(skewed)}`])].join("; ")}`);
}

/** Of so few hosts the lines of the result say it all. */
const FEW = 8;

/** Seconds that a host's clock may be wrong before it is worth a word. */
const SKEWED = 60;

/** Whether what changes another machine is wanted: said beforehand, or now by whoever sees the plan. */
export async function isAgreed(cli: Cli, input: Input, change: Change): Promise<boolean> {
  const { plan } = change;
  const others = plan.hosts.filter(({ host, steps }) => host.via !== "local" && steps.length > 0);
  if (others.length === 0 || input.has("yes")) return true;
  showPlan(cli, change);
  if (!cli.json && (await cli.ask(`${plan.action} on ${others.length} ${others.length === 1 ? "host" : "hosts"}?`))) return true;
  cli.note("hint: add --yes");
  return false;
}

/** Show a change, or carry it out and say what became of it. `show` prints the results. */
export async function carryOut(cli: Cli, input: Input, change: Change, show: (results: readonly HostResult[]) => void, typed?: string): Promise<ExitStatus> {
  const { plan } = change;
  if (input.has("plan")) {
    showPlan(cli, change);
    return 0;
  }
  if (!(await isAgreed(cli, input, change))) return 1;
  const began = performance.now();
  const results = await change.apply();
  const status = cli.library.exitStatus(results.map(({ outcome }) => outcome));
  if (cli.json) {
    cli.emitEvent({ type: "result", action: plan.action, ...(plan.ref === undefined ? {} : { ref: cli.library.printStackRef(plan.ref) }), target: plan.target, hosts: results, status });
    return status;
  }
  noteSummary(cli, results, change, performance.now() - began);
  noteProblems(cli, results);
  show(results);
  noteHints(cli, results, plan, typed);
  return status;
}

/** Where events go: people see progress, programs get one event per line. */
export function eventContext(cli: Cli): Cli["context"] {
  return cli.json ? { ...cli.context, report: (event) => cli.emitEvent(event) } : cli.context;
}

/** The workspace and the target that `--to` names; outside of any workspace only a place by itself can be named. */
export async function findTarget(cli: Cli, input: Input): Promise<{ readonly workspace: Awaited<ReturnType<Cli["library"]["readWorkspace"]>> | undefined; readonly target: ReturnType<Cli["library"]["parseTarget"]> }> {
  const { library, context } = cli;
  const word = input.value("to") ?? library.fail({ code: "usage", message: "say where: --to TARGET", hint: "a target of caisson.toml, user@host:/root, or local:DIR" });
  const workspace = await library.readWorkspace(context, context.cwd).catch((error: unknown) => {
    if (error instanceof library.CaissonError && error.problems.every(({ file }) => file === undefined) && library.namesPlace(word)) return undefined;
    throw error;
  });
  return { workspace, target: library.parseTarget(word, workspace ?? { targets: [] }, context.cwd) };
}
