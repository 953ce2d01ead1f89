import type { Payload, Process, Start } from "../../model/index.ts";

/** The processes that a package starts: the first of its start table whose variables have the wanted values; all of them where there is no table. What a timer starts is left out. */
export function chooseProcesses(payload: Pick<Payload, "processes" | "start">, env: Readonly<Record<string, string>>): readonly Process[] {
  const constant = payload.processes.filter(({ schedule }) => schedule === undefined);
  if (payload.start.length === 0) return constant;
  const chosen = findStart(payload, (name) => env[name]);
  return constant.filter(({ name }) => name === chosen?.process);
}

/** The same payload with a start table that the values of a target have decided already, so that whoever plans with it needs to know none. */
export function decideStart<Table extends Pick<Payload, "start">>(payload: Table, values: ReadonlyMap<string, string>): Table {
  if (payload.start.length === 0) return payload;
  return { ...payload, start: [{ process: findStart(payload, (name) => values.get(name))?.process ?? "" }] };
}

function findStart({ start }: Pick<Payload, "start">, valueOf: (name: string) => string | undefined): Start | undefined {
  return start.find(({ when = {} }) => Object.entries(when).every(([name, value]) => valueOf(name) === value));
}
