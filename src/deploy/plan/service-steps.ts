import { groupName, unitsOf } from "../../formats/index.ts";
import type { Health, HostFacts, HostState, Label, PackageName, Payload, Problem, Process, Step, Target } from "../../model/index.ts";
import { hashJson } from "../../system/index.ts";
import { chooseProcesses } from "./choose-processes.ts";

/** Where a stack goes on one host. */
export interface Place {
  readonly stack: PackageName;
  readonly root: string;
}

/** What systemd is told of a release, where it starts the processes; `payloads` of a release that this store does not know are none, and the host still knows its units. */
export function unitSteps({ service, user }: Target, { stack, root }: Place, release: Label, payloads: readonly Payload[]): readonly Step[] {
  if (service.kind !== "systemd") return [];
  const packages = payloads.map((payload) => ({ package: payload.package, processes: startedProcesses(payload) }));
  const units = payloads.length === 0 ? {} : { units: unitsOf({ stack, root, scope: service.scope, packages, ...(user === undefined ? {} : { user }) }) };
  return [{ step: "units", release, service, ...units }];
}

/** Whether systemd knows another process table of the current release than it is to have: a target's settings may change without its stack. */
export function hasOtherUnits(target: Target, place: Place, state: HostState, release: Label, payloads: readonly Payload[]): boolean {
  const [step] = unitSteps(target, place, release, payloads);
  return state.current === release && step?.step === "units" && step.units !== undefined && hashJson(step.units) !== state.units;
}

/** What a service manager looks after: what is started, and what a timer starts. */
export function startedProcesses(table: Pick<Payload, "processes" | "start">): readonly Process[] {
  return [...chooseProcesses(table, {}), ...table.processes.filter(({ schedule }) => schedule !== undefined)];
}

/** How a package's health is told: as it says itself, else by the address that a process of it listens at; under systemd at least by its processes. Undefined: not at all. */
export function healthOf(payload: Payload, service: Target["service"]): Health | undefined {
  if (payload.health !== undefined) return payload.health;
  const listen = chooseProcesses(payload, {}).find((process) => process.listen !== undefined)?.listen;
  if (listen !== undefined) return { url: `tcp://${listen.replace(/^(?:0\.0\.0\.0|\*)?:(?=\d+$)/, "127.0.0.1:").replace(/^\[::\]:/, "[::1]:")}` };
  return service.kind === "systemd" && chooseProcesses(payload, {}).length > 0 ? {} : undefined;
}

/** Processes that systemd could not start, or not tell apart, and what it does not start but another user is to run. */
export function checkProcesses({ service, user }: Target, { stack }: Pick<Place, "stack">, facts: HostFacts, payloads: readonly Payload[]): readonly Problem[] {
  if (service.kind !== "systemd") return [];
  const may = user === undefined || facts.privileges === "root" || facts.account === user;
  const ours = payloads.filter(({ hooks, health }) => !may && (hooks.length > 0 || health?.argv !== undefined)).map(({ package: owner, hooks }): Problem => ({
    code: "permission", message: `only root can run ${hooks.length > 0 ? "the hooks" : "the health command"} of \`${owner}\` as \`${user ?? ""}\``, hint: `deploy as root, or as ${user ?? ""}`,
  }));
  const old = payloads.flatMap(({ package: owner, processes, links }) => processes.filter(({ name }) => !links.some(({ path }) => path === `processes/${name}`)).map(({ name }): Problem => ({
    code: "host-unfit", message: `\`${owner}\` has nothing that starts its process \`${name}\`; an older Caisson built it`, hint: `build it again: caisson build ${owner}`,
  })));
  const names = payloads.flatMap(({ package: owner, processes }) => processes.map(({ name }) => ({ unit: `${owner}-${name}`, shown: `\`${name}\` of \`${owner}\`` })));
  const twice = names.flatMap((one, at) => names.slice(0, at).filter((other) => other.unit === one.unit).map((other): Problem => ({
    code: "collision", message: `${other.shown} and ${one.shown} would have the same unit of systemd, \`${groupName(stack).replace(/\.target$/, "")}-${one.unit}\``, hint: "give one of the processes another name",
  })));
  const long = names.filter(({ unit }) => groupName(stack).length + unit.length > LONGEST).map(({ shown }): Problem => ({ code: "name-invalid", message: `${shown} makes a name that is too long for systemd`, hint: "give it a shorter one" }));
  return [...ours, ...old, ...twice, ...long];
}

/** Bytes of a unit's name, and some for what systemd adds to it. */
const LONGEST = 240;
