import { join } from "node:path";
import type { Descriptor } from "../../model/index.ts";
import type { Store } from "../../store/index.ts";
import { ownPath, temporaryDirectory, type Context } from "../../system/index.ts";
import { kept } from "../cache.ts";
import { parsePyproject, readBuildSystem, type BuildSystem } from "./build-system.ts";

/** How an sdist in the store is built, read by the machine's Python, which knows every archive that Python has ever written; one that it cannot read gets the usual, and the build tells. */
export async function sdistSystem(ctx: Context, store: Store, sdist: Descriptor, python: string): Promise<BuildSystem> {
  const files = await kept(ctx, "sdist-files", [1, sdist.digest], async () => {
    await using scratch = await temporaryDirectory("caisson-sdist");
    const path = join(scratch.path, "sdist");
    await store.copyTo(sdist.digest, path);
    const { status, stdout } = await ctx.run([python, "-I", "-S", ownPath("agent/build/sdist_files.py"), path], { cwd: scratch.path, env: { LC_ALL: "C.UTF-8" } });
    return status === 0 ? (JSON.parse(Buffer.from(stdout).toString("utf8")) as Readonly<Record<string, string>>) : undefined;
  });
  return readBuildSystem(parsePyproject(files?.["pyproject.toml"]), files?.["setup.py"], files?.["setup.cfg"]);
}
