import { rename, stat, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fail, type InterpreterTree, type Platform, type Tree } from "../../model/index.ts";
import { compareDotted } from "../../python/index.ts";
import type { Store } from "../../store/index.ts";
import { makeDirectory, ownedDirectory, type Context } from "../../system/index.ts";
import { cacheDirectory } from "../cache.ts";

/** The program of an interpreter of the store, laid out in the cache, for who builds with it; undefined where it does not run on this machine. */
export async function layInterpreter(ctx: Context, store: Store, { tree, blob, executable, arch, libc }: InterpreterTree, machine: Platform): Promise<string | undefined> {
  if (arch !== machine.arch || libc.family !== machine.libc.family || compareDotted(libc.version, machine.libc.version) > 0) return undefined;
  const directory = join(cacheDirectory(ctx), "interpreter-trees", tree.id.slice("sha256:".length, "sha256:".length + 32));
  const program = join(directory, executable.slice("root/".length));
  if ((await stat(program).catch(() => undefined)) !== undefined) return program;
  await makeDirectory(dirname(directory));
  await using scratch = await ownedDirectory(".made", dirname(directory));
  const made = join(scratch.path, "python");
  await makeDirectory(made);
  await unpackFromStore(ctx, store, blob.digest, made, scratch.path);
  const { entries } = await store.readJson<Tree>(tree.document.digest);
  for (const entry of entries) {
    if (entry.kind !== "link") continue;
    const path = join(made, entry.path.slice("root/".length));
    await makeDirectory(dirname(path));
    await symlink(entry.target, path);
  }
  // Somebody else may have made the same meanwhile.
  await rename(made, directory).catch(() => undefined);
  return program;
}

/** An archive of ours, by the machine's tar. @throws CaissonError `blob-missing` · `digest-mismatch` · `tool-missing` */
export async function unpackFromStore(ctx: Context, store: Store, archive: InterpreterTree["blob"]["digest"], directory: string, scratch: string): Promise<void> {
  const file = join(scratch, "archive.tar");
  await store.copyTo(archive, file);
  const { status, stderr } = await ctx.run(["tar", "-xf", file, "-C", directory, "--no-same-owner"], { cwd: directory, env: ctx.env });
  if (status !== 0) fail({ code: "disk-full", message: `tar could not unpack an interpreter into \`${directory}\``, hint: `make room (df ${directory}) and run the same command again` }, new Error(stderr.trim()));
}
