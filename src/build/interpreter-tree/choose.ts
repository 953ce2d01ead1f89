import { fail, type InterpreterTree, type Platform, type Workspace } from "../../model/index.ts";
import { compareDotted, needsInterpreterTree } from "../../python/index.ts";
import type { Store } from "../../store/index.ts";
import type { Context } from "../../system/index.ts";
import { hasInterpreter, readInterpreter } from "./kept.ts";

/**
 * The interpreter that releases of a workspace for a platform bring along; undefined where they run on the host's own.
 * A system whose own Python is too old brings one where the store has it and the workspace says nothing; where it has none, people are told what that means.
 * @throws CaissonError `interpreter-unfit` where it is not there, or cannot run on the platform
 */
export async function chooseInterpreter(ctx: Context, store: Store, workspace: Workspace, platform: Platform): Promise<InterpreterTree | undefined> {
  const said = workspace.interpreters[platform.label];
  if (said === "host") return undefined;
  const usual = `python-${platform.python.version}`;
  if (said === undefined && !needsInterpreterTree(platform)) return undefined;
  if (said === undefined && !(await hasInterpreter(store, usual))) {
    ctx.report({ type: "notice", message: `${platform.label} has no Python ${platform.python.version} of its own, and the store no \`${usual}\` to bring: this runs only where somebody installed one (caisson interpreter add FILE; or interpreter = "host" under [platforms.${platform.label}], where that is meant)` });
    return undefined;
  }
  const interpreter = await readInterpreter(store, said ?? usual);
  const fault = findFault(interpreter, platform);
  if (fault !== undefined) fail({ code: "interpreter-unfit", message: `\`${interpreter.name}\` ${fault}`, hint: `caisson interpreter add FILE --name ${interpreter.name}, or name another one under [platforms.${platform.label}]` });
  return interpreter;
}

function findFault({ version, arch, libc }: InterpreterTree, platform: Platform): string | undefined {
  if (!version.startsWith(`${platform.python.version}.`)) return `is Python ${version}, and ${platform.label} has ${platform.python.version}`;
  if (arch !== platform.arch) return `is for ${arch}, and ${platform.label} is ${platform.arch}`;
  if (libc.family !== platform.libc.family || compareDotted(libc.version, platform.libc.version) > 0) return `needs ${libc.family} ${libc.version}, and ${platform.label} has ${platform.libc.family} ${platform.libc.version}`;
  return undefined;
}
