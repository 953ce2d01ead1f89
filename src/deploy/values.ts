import { createHmac } from "node:crypto";
import { printEnvironment, readEnvironment } from "../config/index.ts";
import { fail, type Plan, type Target } from "../model/index.ts";
import type { Context } from "../system/index.ts";
import type { WantedEnvironment } from "./plan/hook-steps.ts";

/** The values of environment files: as a plan may know them, and as the bytes that hosts get and nobody else. */
export interface Values extends WantedEnvironment {
  readonly bytes: Uint8Array;
  readonly byName: ReadonlyMap<string, string>;
}

/** @throws CaissonError `config-invalid` with everything that is wrong with the files */
export async function readValues(ctx: Context, files: readonly string[]): Promise<Values> {
  const values = await readEnvironment(ctx, files);
  const bytes = printEnvironment(values);
  return { names: [...values.keys()].toSorted(), bytes, byName: values, digestWith: (key) => createHmac("sha256", Buffer.from(key, "hex")).update(bytes).digest("hex") };
}

/** The values of a target's environment files by their names; none where it has no files. @throws CaissonError as `readValues` */
export async function valuesOf(ctx: Context, { environment }: Target): Promise<ReadonlyMap<string, string>> {
  return environment === undefined ? new Map() : (await readValues(ctx, environment)).byName;
}

/**
 * The values that a plan's steps send, read now: no plan holds any.
 * @throws CaissonError `config-invalid` · `host-changed` where the files have other names than when it was planned
 */
export async function readPlannedValues(ctx: Context, plan: Plan): Promise<Values | undefined> {
  const planned = plan.hosts.flatMap(({ steps }) => steps.filter((step) => step.step === "environment"));
  if (planned.length === 0) return undefined;
  const values = await readValues(ctx, plan.environment ?? []);
  const isOther = planned.some(({ names }) => names.toSorted().join(" ") !== values.names.join(" "));
  return isOther ? fail({ code: "host-changed", message: "the environment files name other variables than when this was planned", hint: "plan it again" }) : values;
}
