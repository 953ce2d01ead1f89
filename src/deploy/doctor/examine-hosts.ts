import { chooseInterpreter } from "../../build/index.ts";
import { printSudoers } from "../../formats/index.ts";
import { CaissonError, type HostAddress, type Platform, type Target, type Workspace } from "../../model/index.ts";
import { needsInterpreterTree } from "../../python/index.ts";
import type { Store } from "../../store/index.ts";
import type { Context } from "../../system/index.ts";
import { describeWay, type BringInterpreter } from "../../transport/index.ts";
import { interpreterOf } from "../bring-interpreter.ts";
import { contactHosts, type Contact } from "../observe/contact.ts";
import { unitsOn } from "../observe/host-setup.ts";
import type { ObservedHost } from "../observe/observed-host.ts";
import { valuesOf } from "../values.ts";
import { findingsOf, type Finding, type Wishes } from "./findings.ts";

/** One machine, and all that was found there. */
export interface Examination {
  /** What people call it. */
  readonly host: string;
  readonly findings: readonly Finding[];
}

/**
 * Look on every host of a target for everything that a deploy needs there. Tries things on a small scale, and changes nothing.
 * Where releases bring their interpreter along, a host without one is looked at on that; the store is opened only for it.
 */
export async function examineHosts(ctx: Context, target: Target, workspace: Workspace | undefined, openStore: () => Promise<Store>): Promise<readonly Examination[]> {
  const { bring, ...brought } = await findInterpreter(ctx, platformOf(target, workspace), workspace, openStore);
  await using contact = await contactHosts(ctx, target.hosts, bring === undefined ? {} : { bring });
  const found = await Promise.all(contact.hosts.map(async (observed) => await examineHost(ctx, contact, observed, target, workspace, brought).catch((error: unknown): Examination => {
    // One that is lost while it is looked at hides no other.
    if (!(error instanceof CaissonError) || error.code !== "unknown-state") throw error;
    return { host: observed.host.name, findings: [{ what: "agent", well: false, says: error.message, mend: "look at it once more; where it is lost again, see that machine's log" }] };
  })));
  const missed = await Promise.all(contact.missed.map(async ({ host, problem }): Promise<Examination> => {
    const hint = problem.code === "host-unfit" ? (brought.lacksInterpreter?.hint ?? problem.hint) : problem.hint;
    const says = `${await wayTo(ctx, host)}: ${problem.message}${problem.code === "host-unfit" && brought.lacksInterpreter !== undefined ? `, and ${brought.lacksInterpreter.message}` : ""}`;
    return { host: host.name, findings: [{ what: problem.code === "host-unfit" ? "agent" : "ssh", well: false, says, ...(hint === undefined ? {} : { mend: hint }) }] };
  }));
  const all = [...found, ...missed];
  return target.hosts.flatMap(({ name }) => all.filter(({ host }) => host === name));
}

/** What a workspace says of the interpreter that its releases run on. */
type Brought = Pick<Wishes, "bringsPython" | "lacksInterpreter">;

async function findInterpreter(ctx: Context, platform: Platform | undefined, workspace: Workspace | undefined, openStore: () => Promise<Store>): Promise<Brought & { readonly bring?: BringInterpreter }> {
  if (workspace === undefined || platform === undefined) return {};
  const said = workspace.interpreters[platform.label];
  if (said === "host" || (said === undefined && !needsInterpreterTree(platform))) return {};
  try {
    const store = await openStore();
    const interpreter = await chooseInterpreter(ctx, store, workspace, platform);
    return interpreter === undefined ? {} : { bringsPython: interpreter.version, bring: interpreterOf(store, interpreter) };
  } catch (error) {
    if (error instanceof CaissonError && error.code === "interpreter-unfit") return { lacksInterpreter: { ...error.problems[0], hint: `on this machine: ${error.hint ?? "caisson interpreter list"}` } };
    throw error;
  }
}

async function examineHost(ctx: Context, contact: Contact, { host, state, skew }: ObservedHost, target: Target, workspace: Workspace | undefined, brought: Brought): Promise<Examination> {
  const wishes = { ...wishesFor(host, target, workspace, await valuesOf(ctx, target)), ...brought };
  await using agent = await contact.open(host);
  const examined = await agent.examine({ commands: wishes.sudoers?.commands ?? [], ...(target.user === undefined ? {} : { user: target.user }) });
  const way: readonly Finding[] = host.via === "ssh" ? [{ what: "ssh", well: true, says: await wayTo(ctx, host) }] : [];
  return { host: host.name, findings: [...way, ...findingsOf({ host: host.name, state, examined, ...(skew === undefined ? {} : { skew }) }, wishes)] };
}

async function wayTo(ctx: Context, host: HostAddress): Promise<string> {
  return host.via === "ssh" ? await describeWay(ctx, host.address) : "this machine";
}

/** What the workspace says of a host: for which platform it builds, and what is started there. */
function wishesFor(host: HostAddress, target: Target, workspace: Workspace | undefined, values: ReadonlyMap<string, string>): Wishes {
  const platform = platformOf(target, workspace);
  const { name, service, user } = target;
  const base = { target: { name, service, ...(user === undefined ? {} : { user }) }, root: host.root, ...(platform === undefined ? {} : { platform }) };
  if (service.kind !== "systemd" || service.scope === "user" || workspace === undefined) return base;
  const units = unitsOn(target, host, workspace.name, workspace.packages, values);
  const { restart, stop, reset, logs } = units.commands;
  return { ...base, sudoers: { commands: [restart, stop, reset, logs], print: (deployer) => printSudoers({ deployer, units }) } };
}

function platformOf({ platform }: Target, workspace: Workspace | undefined): Platform | undefined {
  const platforms = workspace?.platforms ?? [];
  return platform === undefined ? (platforms.length === 1 ? platforms[0] : undefined) : platforms.find(({ label }) => label === platform);
}
