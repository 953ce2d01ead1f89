import { createReadStream } from "node:fs";
import { chmod, copyFile, readdir, readFile, readlink, rename, stat, symlink } from "node:fs/promises";
import { dirname, join, posix, resolve } from "node:path";
import { compareBytewise, fail, mediaTypes, OLDEST_TIME, type InterpreterTree, type Platform, type Tree, type TreeEntry } from "../../model/index.ts";
import { writeTar } from "../../formats/index.ts";
import { gatherElfFacts, readElf, type ElfFile } from "../../python/index.ts";
import type { Store } from "../../store/index.ts";
import { hashFile, makeDirectory, ownedDirectory, treeId, walk, type Context } from "../../system/index.ts";
import { keepInterpreter } from "./kept.ts";
import { probeInterpreter } from "./probe.ts";

/** What became of an interpreter that was brought. */
export interface ImportedInterpreter {
  readonly interpreter: InterpreterTree;
  readonly state: "added" | "replaced" | "unchanged";
  /** Modules of the standard library that it has not. */
  readonly missing: readonly string[];
}

/** A file or link that goes into the tree, from the interpreter's own directory. */
interface Kept {
  readonly path: string;
  readonly kind: "file" | "link";
  readonly mode: number;
  readonly size: number;
}

/**
 * Take a relocatable build of CPython into the store: an archive that `tar` knows, or a directory, in which `bin/python3.X` lies at the top or below.
 * It is started in two places, and refused where it does not keep to them. Tests, static libraries and what pip installed are left behind; headers are kept beside it, and go to no host.
 * @throws CaissonError `interpreter-unfit` · `usage` where there is no interpreter in it · `tool-missing` without tar
 */
export async function importInterpreter(ctx: Context, store: Store, given: string, name?: string): Promise<ImportedInterpreter> {
  const what = `import ${given}`;
  ctx.report({ type: "started", what });
  try {
    await using scratch = await ownedDirectory("caisson-interpreter");
    const top = await unpack(ctx, resolve(ctx.cwd, given), given, join(scratch.path, "unpacked"));
    const found = (await findProgram(top)) ?? fail({ code: "interpreter-unfit", message: `\`${given}\` has no \`bin/python3.X\``, hint: "name an archive or a directory of a relocatable build" });
    const kept = await listKept(found.directory, found.program);
    // A blank in the path, and another place: what is built in shows itself.
    const first = join(scratch.path, "one place", "python");
    await lay(found.directory, first, kept);
    const { missing, ...probed } = await probeInterpreter(ctx, first, found.program);
    const second = join(scratch.path, "another", "deeper", "place");
    await makeDirectory(dirname(second));
    await rename(first, second);
    await probeInterpreter(ctx, second, found.program);
    const { blob, tree } = await writeTree(store, second, kept);
    const headers = await writeHeaders(store, found.directory, found.program);
    const libc = await lowestLibc(second, kept);
    const minor = probed.version.split(".").slice(0, 2).join(".");
    const interpreter: InterpreterTree = {
      schema: "caisson.interpreter/1",
      name: checkName(name ?? `python-${minor}`),
      ...probed,
      libc,
      tree: { id: tree.id, document: await store.writeJson(tree, mediaTypes.tree) },
      blob,
      ...(headers === undefined ? {} : { headers }),
      executable: `root/${found.program}`,
    };
    return { interpreter, state: await keepInterpreter(store, interpreter), missing };
  } finally {
    ctx.report({ type: "finished", what });
  }
}

function checkName(name: string): string {
  return /^[a-z0-9][a-z0-9.-]{0,63}$/.test(name) ? name : fail({ code: "name-invalid", message: `\`${name}\` is not a legal name for an interpreter`, hint: "small letters, digits, . and -" });
}

async function unpack(ctx: Context, path: string, given: string, directory: string): Promise<string> {
  const found = await stat(path).catch(() => fail({ code: "usage", message: `there is no \`${given}\``, hint: "name an archive or a directory of a relocatable build" }));
  if (found.isDirectory()) return path;
  await makeDirectory(directory);
  const { status, stderr } = await ctx.run(["tar", "-xf", path, "-C", directory, "--no-same-owner"], { cwd: directory, env: ctx.env });
  if (status !== 0) fail({ code: "interpreter-unfit", message: `tar cannot read \`${given}\``, hint: "an archive of a relocatable build, or the directory that it unpacks to" }, new Error(stderr.trim()));
  return directory;
}

/** The nearest directory with a `bin/python3.X` that is a program, down to two below. */
async function findProgram(directory: string, deeper = 2): Promise<{ readonly directory: string; readonly program: string } | undefined> {
  const names = await readdir(join(directory, "bin")).catch((): readonly string[] => []);
  const name = names.filter((each) => /^python3\.\d+$/.test(each)).toSorted(compareBytewise).at(-1);
  if (name !== undefined) return { directory, program: `bin/${name}` };
  if (deeper === 0) return undefined;
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const found = entry.isDirectory() ? await findProgram(join(directory, entry.name), deeper - 1) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What an interpreter needs to run programs, and no more. */
async function listKept(directory: string, program: string): Promise<readonly Kept[]> {
  const kept: Kept[] = [];
  for await (const { kind, path, mode, size } of walk(directory, (below) => !isLeft(below))) {
    if (kind === "directory" || isLeft(path)) continue;
    if (kind === "other") fail({ code: "interpreter-unfit", message: `\`${path}\` is neither a file nor a link` });
    if (path.startsWith("bin/") && path !== program && !(path.startsWith("bin/python") && kind === "link")) continue;
    kept.push({ path, kind, mode, size });
  }
  return kept;
}

function isLeft(path: string): boolean {
  return /^(?:include|share)(?:\/|$)|(?:^|\/)__pycache__(?:\/|$)|\.(?:pyc|a|o)$/.test(path) || /^lib\/python3\.\d+\/(?:test|idlelib|turtledemo|lib2to3\/tests|tkinter\/test|site-packages|dist-packages|config-[^/]+)(?:\/|$)/.test(path) || /^lib\/pkgconfig(?:\/|$)/.test(path);
}

async function lay(from: string, to: string, kept: readonly Kept[]): Promise<void> {
  for (const { path, kind, mode } of kept) {
    await makeDirectory(dirname(join(to, path)));
    if (kind === "link") await symlink(await readlink(join(from, path)), join(to, path));
    else {
      await copyFile(join(from, path), join(to, path));
      await chmod(join(to, path), (mode & 0o111) === 0 ? 0o644 : 0o755);
    }
  }
}

async function writeTree(store: Store, directory: string, kept: readonly Kept[]): Promise<{ readonly blob: InterpreterTree["blob"]; readonly tree: Tree }> {
  const files = kept.filter(({ kind }) => kind === "file").toSorted((a, b) => compareBytewise(a.path, b.path));
  const blob = await store.write(writeTar(members(directory, files), OLDEST_TIME), undefined, mediaTypes.tar);
  const entries: TreeEntry[] = [];
  for (const { path, kind, mode } of kept) {
    if (kind === "link") {
      entries.push({ kind: "link", path: `root/${path}`, target: await innerLink(directory, path) });
      continue;
    }
    const { digest, size } = await hashFile(join(directory, path));
    entries.push({ kind: "file", path: `root/${path}`, mode: (mode & 0o111) === 0 ? 0o644 : 0o755, digest, size, source: { from: "member", blob: blob.digest, member: path } });
  }
  const sorted = entries.toSorted((a, b) => compareBytewise(a.path, b.path));
  return { blob, tree: { schema: "caisson.tree/1", id: treeId(sorted), entries: sorted } };
}

/** As `include/python3.11` has them, or `include/python3.7m`; a system's own Python has them elsewhere, or not at all. */
async function writeHeaders(store: Store, directory: string, program: string): Promise<InterpreterTree["blob"] | undefined> {
  const names = await readdir(join(directory, "include")).catch((): readonly string[] => []);
  const name = names.find((each) => each.replace(/m$/, "") === posix.basename(program));
  const top = join(directory, "include", name ?? "");
  if (name === undefined || (await stat(join(top, "Python.h")).catch(() => undefined)) === undefined) return undefined;
  const files: Kept[] = [];
  for await (const { kind, path, mode, size } of walk(top)) if (kind === "file") files.push({ path, kind, mode, size });
  return await store.write(writeTar(members(top, files.toSorted((a, b) => compareBytewise(a.path, b.path))), OLDEST_TIME), undefined, mediaTypes.tar);
}

async function* members(directory: string, files: readonly Kept[]): AsyncIterable<{ readonly path: string; readonly kind: "file"; readonly mode: 0o644 | 0o755; readonly size: number; open(): AsyncIterable<Uint8Array> }> {
  for (const { path, mode, size } of files) yield { path, kind: "file", mode: (mode & 0o111) === 0 ? 0o644 : 0o755, size, open: () => createReadStream(join(directory, path)) };
}

async function innerLink(directory: string, path: string): Promise<string> {
  const target = await readlink(join(directory, path));
  const inside = posix.normalize(posix.join(dirname(path), target));
  if (posix.isAbsolute(target) || inside === ".." || inside.startsWith("../")) fail({ code: "interpreter-unfit", message: `this build is not relocatable: the link \`${path}\` leads to \`${target}\``, hint: "take a relocatable build, such as those of python-build-standalone" });
  return target;
}

/** By the symbols of every program and library in it. */
async function lowestLibc(directory: string, kept: readonly Kept[]): Promise<Platform["libc"]> {
  const elves: ElfFile[] = [];
  for (const { path, kind } of kept) {
    if (kind !== "file" || !(/\.so(?:\.|$)/.test(path) || path.startsWith("bin/"))) continue;
    const bytes = await readFile(join(directory, path));
    const elf = await readElf((offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)), bytes.length);
    if (elf !== undefined) elves.push({ path, elf });
  }
  const { glibc, musl } = gatherElfFacts(elves, kept.map(({ path }) => path));
  return musl ? { family: "musl", version: "1.2" } : { family: "glibc", version: glibc ?? "2.17" };
}
