import { fail, type Json, type Platform } from "../../model/index.ts";
import { bytesSource, parseWheelFileName, provenTags, readWheel, retagWheel, type NamedWheel } from "../../python/index.ts";
import { sha256 } from "../../system/index.ts";
import { actionKey, recallAction, rememberAction } from "../action.ts";
import { minorOf, type InterpreterFacts } from "../interpreter.ts";
import { targetHeaders } from "../zig/headers.ts";
import { zigCompilers, zigTarget } from "../zig/zig-compilers.ts";
import { makerOf } from "./asked.ts";
import type { ChooseCompilers } from "./compilers.ts";
import { makeWheel } from "./make-wheel.ts";
import type { Maker } from "./maker.ts";
import type { BuiltWheel, Job, MadeWheel, WheelSource } from "./wheel.ts";

/**
 * The wheel of a source, its C and C++ compiled for a platform by zig, under the tags that its symbols prove.
 * @throws CaissonError `build-failed` · `wheel-unfit` where the symbols do not prove it · `tool-missing` without the platform's Python or its headers, or without zig
 */
export async function compileByZig(job: Job, platform: Platform, exact: InterpreterFacts | undefined): Promise<MadeWheel> {
  const { ctx, store, workshop, source } = job;
  const { python, arch } = platform;
  const tree = await workshop.tree(platform);
  const interpreter = exact ?? (tree === undefined ? undefined : await workshop.laidTree(tree));
  if (interpreter === undefined) return fail({ code: "tool-missing", message: `there is no Python ${python.version} to compile \`${source.written}\` for ${platform.label} with`, hint: `put python${python.version} on PATH, with its headers, or bring one: caisson interpreter add FILE` });
  await workshop.lockBuild(job.system.requires, interpreter);
  const headers = tree?.headers;
  const makerNow = async (): Promise<Maker> => ({ ...(await makerOf(job, minorOf(interpreter), true)), target: zigTarget(platform), ...(exact !== undefined || tree === undefined ? {} : { tree: tree.tree.id }), ...(headers === undefined ? {} : { headers: headers.digest }) });
  const maker = await makerNow();
  const action = await job.action(maker);
  const known = (await recallAction(store, action)) as BuiltWheel | undefined;
  if (known !== undefined && (await store.has(known.wheel.digest))) return { ...known, maker };
  const choose: ChooseCompilers = async (scratch, path) => {
    const found = await targetHeaders(ctx, store, interpreter, platform, headers, scratch);
    if (found === undefined) return fail({ code: "tool-missing", message: `Python ${python.version} at \`${interpreter.executable}\` has no headers to compile \`${source.written}\` with`, hint: `Debian: apt install python${python.version}-dev; Rocky: dnf install python${python.version}-devel` });
    return { ...(await zigCompilers(scratch, path, await workshop.zig(), zigTarget(platform), found)), name: (wheel) => nameByProof(wheel, source, arch) };
  };
  const key = actionKey(action);
  const { wheel } = await workshop.making(key, () => workshop.enqueue(() => makeWheel(job, interpreter, key, choose)));
  if (wheel === undefined) throw new Error("zig refuses nothing");
  // By then it is known what the back end asks for.
  const settled = await makerNow();
  await rememberAction(store, await job.action(settled), { ...wheel } as unknown as Json);
  return { ...wheel, maker: settled };
}

async function nameByProof(wheel: NamedWheel, source: WheelSource, arch: Platform["arch"]): Promise<NamedWheel> {
  const { elf, tree } = await readWheel(wheel.fileName, { digest: sha256(wheel.bytes), size: wheel.bytes.length, mediaType: "" }, bytesSource(wheel.bytes));
  if (elf === undefined || parseWheelFileName(wheel.fileName)?.platformTags.includes("any") === true) return wheel;
  const claim = provenTags(elf, tree.entries.map(({ path }) => path), arch);
  if ("fault" in claim) return fail({ code: "wheel-unfit", message: `the wheel of \`${source.written}\` that zig compiled ${claim.fault}`, hint: "build it on a machine of that platform; zig brings libc and libc++ and no other library" });
  return await retagWheel(wheel, claim.tags);
}
