import { dirname, join } from "node:path";
import { makeDirectory, userDirectory, writeDurably, type Context } from "../system/index.ts";

/** Keep all that a failed program said in a file of the user's; gives where it is, as a hint says it. A log that cannot be kept leaves the failure to be told. */
export async function keepLog(ctx: Context, name: string, lines: readonly string[]): Promise<string> {
  const path = join(userDirectory(ctx.env, "XDG_STATE_HOME", ".local/state"), "caisson", "logs", `${name}.log`);
  const kept = await makeDirectory(dirname(path)).then(() => writeDurably(path, lines.map((line) => `${line}\n`).join(""))).then(() => true, () => false);
  return kept ? `the whole log is in \`${path}\`` : `the whole log could not be written to \`${path}\``;
}
