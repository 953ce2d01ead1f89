import { OLDEST_TIME, type EpochSeconds } from "../model/index.ts";
import type { Context } from "../system/index.ts";

/** The time of files on disk, which have none of their own: SOURCE_DATE_EPOCH where that is set, else the oldest. */
export function diskTime({ env }: Pick<Context, "env">): EpochSeconds {
  const said = env["SOURCE_DATE_EPOCH"] ?? "";
  return /^[0-9]{1,10}$/.test(said) ? Number(said) : OLDEST_TIME;
}
