import { readFileSync, writeFileSync } from "node:fs";
import { CaissonError } from "../../src/model/index.ts";
import { createContext, type Context } from "../../src/system/index.ts";
import { openAgent, type Agent } from "../../src/transport/index.ts";
import type { Host, Hosts } from "../support/hosts.ts";

/** A context whose `ssh` knows these hosts. */
export function contextOf(hosts: Hosts, env: Readonly<Record<string, string>> = {}): Context {
  return createContext({ cwd: "/", env: { ...hosts.env, ...env }, report: () => undefined, signal: new AbortController().signal });
}

/** An agent on a host, by its name or by an address of another form. */
export async function open(hosts: Hosts, host: Pick<Host, "name" | "address"> = hosts.get("h1"), options: { readonly root?: string; readonly env?: Readonly<Record<string, string>> } = {}): Promise<Agent> {
  return await openAgent(contextOf(hosts, options.env), { name: host.name, via: "ssh", address: host.address, root: options.root ?? hosts.get("h1").root("shop") }, { by: "tester@here" });
}

/** Why no agent could be had. */
export async function refusal(opened: Promise<Agent>): Promise<CaissonError> {
  const agent = await opened.catch((error: unknown) => error);
  if (agent instanceof CaissonError) return agent;
  if (agent instanceof Error) throw agent;
  await (agent as Agent)[Symbol.asyncDispose]();
  throw new Error("an agent was to be had");
}

/** Lines of ssh_config that go before the ones of the hosts, and so win over them. */
export function configure(hosts: Hosts, lines: readonly string[]): void {
  writeFileSync(hosts.files.config, `${lines.join("\n")}\n${readFileSync(hosts.files.config, "utf8")}`);
}
