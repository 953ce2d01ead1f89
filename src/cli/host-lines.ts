import type { Change, HostPlan, HostResult, Plan } from "../index.ts";
import type { Cli, ExitStatus, Input, Option } from "./command.ts";

export const toOption: Option = { flag: "--to <target>", summary: "a target of caisson.toml, user@host:/root, or local:DIR" };
export const planOption: Option = { flag: "--plan", summary: "say what would be done, and do nothing" };

/** Columns with two spaces between them; the last is as wide as it is. */
export function alignColumns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows.reduce<readonly number[]>((known, row) => Array.from({ length: Math.max(known.length, row.length) }, (_, at) => Math.max(known[at] ?? 0, row[at]?.length ?? 0)), []);
  return rows.map((row) => row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join("  ").trimEnd());
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
    if (host.steps.length === 0) return [name, host.to ?? "none", "unchanged"];
    return [name, `${host.from ?? "none"} -> ${host.to ?? "none"}`, `send ${library.printSize(host.sendBytes)}`, `restart ${host.restarts.length}`, `hooks ${host.hooks}`];
  };
  return [`plan ${what} -> ${plan.target}, ${plan.hosts.length} ${plan.hosts.length === 1 ? "host" : "hosts"}`, ...alignColumns(plan.hosts.map(cells))];
}

/** What became of each host. */
export function resultLines(results: readonly HostResult[]): readonly string[] {
  return alignColumns(results.map((result) => {
    const release = result.name === undefined ? (result.to ?? "none") : `${result.name}@${result.to ?? "none"}`;
    switch (result.outcome) {
      case "done":
        return [result.host, release, "active", `(was: ${result.from ?? "none"})`];
      case "unknown":
        return [result.host, release, "unknown"];
      case "unchanged":
        return [result.host, release, "unchanged"];
      default:
        return [result.host, release, result.outcome, ...(result.now === undefined ? [] : [`(now: ${result.now ?? "none"})`])];
    }
  }));
}

/** Why hosts are not as wanted, on stderr: one line for each, hints last and each once. */
export function noteProblems(cli: Cli, results: readonly HostResult[], target: string): void {
  const failed = results.filter(({ problem }) => problem !== undefined);
  for (const { host, problem } of failed) cli.note(`${host}: ${problem?.code === "unhealthy" ? "unhealthy: " : ""}${problem?.message ?? ""}`);
  const hints = new Set(failed.flatMap(({ problem }) => problem?.hint ?? []));
  if (results.some(({ outcome }) => outcome === "undone")) hints.add(`caisson history --to ${target}`);
  if (results.some(({ outcome }) => outcome === "unknown")) hints.add(`caisson status --to ${target}`);
  for (const hint of hints) cli.note(`hint: ${hint}`);
}

/** Show a change, or carry it out and say what became of it. `show` prints the results. */
export async function carryOut(cli: Cli, input: Input, change: Change, show: (results: readonly HostResult[]) => void): Promise<ExitStatus> {
  const { plan } = change;
  if (input.has("plan")) {
    if (cli.json) cli.emit(plan);
    else printLines(cli, planLines(cli, plan));
    return 0;
  }
  if (plan.hosts.some(({ host }) => host.via !== "local") && !input.has("yes") && !cli.terminal) {
    printLines(cli, planLines(cli, plan));
    cli.note("hint: add --yes");
    return 1;
  }
  const results = await change.apply();
  const status = cli.library.exitStatus(results.map(({ outcome }) => outcome));
  if (cli.json) {
    cli.emit({ type: "result", action: plan.action, ...(plan.ref === undefined ? {} : { ref: cli.library.printStackRef(plan.ref) }), target: plan.target, hosts: results, status });
    return status;
  }
  noteProblems(cli, results, plan.target);
  show(results);
  return status;
}

/** Where events go: people see progress, programs get one event per line. */
export function eventContext(cli: Cli): Cli["context"] {
  return cli.json ? { ...cli.context, report: (event) => cli.emit(event) } : cli.context;
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
