import type { Payload, Process } from "../model/index.ts";

/** The processes that a package starts: the first of its start table whose variables have the wanted values; all of them where there is no table. What a timer starts is left out. */
export function chooseProcesses(payload: Pick<Payload, "processes" | "start">, env: Readonly<Record<string, string>>): readonly Process[] {
  const constant = payload.processes.filter(({ schedule }) => schedule === undefined);
  if (payload.start.length === 0) return constant;
  const chosen = payload.start.find(({ when = {} }) => Object.entries(when).every(([name, value]) => env[name] === value));
  return constant.filter(({ name }) => name === chosen?.process);
}
