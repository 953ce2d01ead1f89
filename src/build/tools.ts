import { chmod, mkdir, open, readFile, realpath, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { CaissonError, fail, type Bytes, type Digest, type IndexSettings } from "../model/index.ts";
import { compareVersions, readZip } from "../python/index.ts";
import { errorCode, hashFile, hashJson, removeTree, temporaryBeside, writeDurably, type Context } from "../system/index.ts";
import { cacheDirectory } from "./cache.ts";
import { indexClient, type Get } from "./http.ts";
import { readIndexPage } from "./index-page.ts";
import { indexSettings, type PackageIndex } from "./index-settings.ts";
import { findOnPath } from "./interpreter.ts";

/** A uv that is new enough. */
export interface Uv {
  readonly path: string;
  readonly version: string;
}

/** The first that knows what we ask of it. */
const OLDEST = "0.13";

/** The one we bring where PATH has none. Hashes of its wheels are those that the public index lists for this version; any index must serve the same bytes. */
const PINNED = "0.13.8";
const WHEELS: Readonly<Record<string, { readonly fileName: string; readonly sha256: string }>> = {
  "x64 glibc": { fileName: "uv-0.13.8-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", sha256: "e18a57b8b352eb7c8feb317b9f6f533c8f0ad9673fd6cf34bbe3cf1a9f6a8984" },
  "x64 musl": { fileName: "uv-0.13.8-py3-none-musllinux_1_1_x86_64.whl", sha256: "29451c60f5e8b07403e0a175d5229efc36b0289b34143ff4aaa499a5dd52553a" },
  "arm64 glibc": { fileName: "uv-0.13.8-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl", sha256: "0b3e8b1a4f5e405e31e2ff33de8af4744831e9f7338539671efbd8c3c94e791d" },
  "arm64 musl": { fileName: "uv-0.13.8-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl", sha256: "0b3e8b1a4f5e405e31e2ff33de8af4744831e9f7338539671efbd8c3c94e791d" },
};

/** The version of the uv that `findUv` gives; nothing is fetched for it, and uv does not run where it is known already. */
export async function uvVersion(ctx: Context): Promise<string> {
  return (await findUvOnPath(ctx))?.version ?? PINNED;
}

/**
 * A uv: PATH's where that is new enough, else a pinned one from the index, kept in the cache.
 * @throws CaissonError `tool-missing` where there is none and none can be had · `index-unreachable` · `digest-mismatch`
 */
export async function findUv(ctx: Context, index: IndexSettings, options: { readonly offline?: boolean } = {}): Promise<Uv> {
  const onPath = await findUvOnPath(ctx);
  if (onPath !== undefined) return onPath;
  const directory = join(cacheDirectory(ctx), "tools", `uv-${PINNED}`);
  const path = join(directory, "uv");
  if ((await stat(path).catch(() => undefined)) === undefined) await bringUv(ctx, index, options.offline === true, directory);
  return { path, version: PINNED };
}

async function findUvOnPath(ctx: Context): Promise<Uv | undefined> {
  for (const path of await findOnPath(ctx, "uv")) {
    const version = await versionOf(ctx, path);
    if (version !== undefined && compareVersions(version, OLDEST) >= 0) return { path, version };
  }
  return undefined;
}

/** Kept under the program's identity, because asking costs a process. What is no program itself, as a version manager's script, may be another one tomorrow. */
async function versionOf(ctx: Context, path: string): Promise<string | undefined> {
  const program = await realpath(path);
  const { mtimeMs, size } = await stat(program);
  // A script is small, uv is not.
  if (size < 1_000_000) return await askVersion(ctx, path);
  const kept = join(cacheDirectory(ctx), "tools", `version-${hashJson([program, Math.trunc(mtimeMs), size]).slice("sha256:".length, "sha256:".length + 32)}`);
  const known = await readFile(kept, "utf8").catch(() => "");
  if (/^\d+\.\d+\.\d+\n$/.test(known)) return known.trim();
  const version = await askVersion(ctx, path);
  if (version !== undefined) {
    await mkdir(join(cacheDirectory(ctx), "tools"), { recursive: true });
    await writeDurably(kept, `${version}\n`);
  }
  return version;
}

async function askVersion(ctx: Context, path: string): Promise<string | undefined> {
  const answer = await ctx.run([path, "--version"], { cwd: "/", env: ctx.env, timeout: 20 }).catch(() => undefined);
  return answer?.status === 0 ? /^uv (\d+\.\d+\.\d+)/.exec(Buffer.from(answer.stdout).toString("utf8"))?.[1] : undefined;
}

async function bringUv(ctx: Context, index: IndexSettings, offline: boolean, directory: string): Promise<void> {
  const missing = { code: "tool-missing", message: "there is no uv on PATH, and none in the cache", hint: `run it once with the network, or put uv ${OLDEST} or newer on PATH` } as const;
  const wheel = WHEELS[`${process.arch} ${libcFamily()}`];
  if (wheel === undefined) return fail({ ...missing, hint: `put uv ${OLDEST} or newer on PATH; none is known for ${process.arch}` });
  const what = `fetch uv ${PINNED}`;
  ctx.report({ type: "started", what });
  await mkdir(join(directory, ".."), { recursive: true });
  const scratch = temporaryBeside(directory);
  try {
    await mkdir(scratch);
    const file = await fetchWheel(ctx, await indexSettings(ctx, index), wheel, offline, join(scratch, wheel.fileName));
    if (file === undefined) return fail(missing);
    await mkdir(join(scratch, "made"));
    await unpackProgram(file, `uv-${PINNED}.data/scripts/uv`, join(scratch, "made", "uv"));
    await rename(join(scratch, "made"), directory).catch((error: unknown) => {
      // Somebody else brought the same meanwhile.
      if (!["ENOTEMPTY", "EEXIST"].includes(errorCode(error) ?? "")) throw error;
    });
  } catch (error) {
    if (error instanceof CaissonError && error.code === "index-unreachable") throw new CaissonError([{ ...missing, message: `${missing.message}, and the index cannot be reached` }, ...error.problems], error.cause);
    throw error;
  } finally {
    await removeTree(scratch);
    ctx.report({ type: "finished", what });
  }
}

/** Which C library this very process runs on. */
function libcFamily(): "glibc" | "musl" {
  const { header } = process.report.getReport() as { readonly header: { readonly glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined ? "musl" : "glibc";
}

/** Looked for where everything else is: directories of files first, they cost no network. */
async function fetchWheel(ctx: Context, index: PackageIndex, wheel: { readonly fileName: string; readonly sha256: string }, offline: boolean, path: string): Promise<string | undefined> {
  for (const directory of index.findLinks.filter((link) => link.startsWith("/"))) {
    const file = join(directory, wheel.fileName);
    if ((await stat(file).catch(() => undefined))?.isFile() === true && (await hashFile(file)).digest === `sha256:${wheel.sha256}`) return file;
  }
  if (offline || index.disabled) return undefined;
  const get = indexClient(ctx, index);
  for (const address of [...index.extra, index.url]) {
    const files = await readIndexPage(get, address, "uv");
    const offered = files?.find(({ fileName }) => fileName === wheel.fileName);
    if (offered !== undefined) return await download(ctx, get, offered.url, wheel, path);
  }
  return undefined;
}

async function download(ctx: Context, get: Get, url: string, wheel: { readonly fileName: string; readonly sha256: string }, path: string): Promise<string> {
  const { status, body } = await get(url);
  if (status !== 200) fail({ code: "index-unreachable", message: `the index answered ${status} for \`${wheel.fileName}\`` });
  await writeDurably(path, counted(ctx, body));
  const { digest } = await hashFile(path);
  const expected: Digest = `sha256:${wheel.sha256}`;
  if (digest !== expected) fail({ code: "digest-mismatch", message: `\`${wheel.fileName}\` of the index is not the one we know: expected ${expected}, found ${digest}`, hint: `put a uv ${OLDEST} or newer that you trust on PATH` });
  return path;
}

async function* counted(ctx: Context, body: Bytes): Bytes {
  let done = 0;
  for await (const chunk of body) {
    done += chunk.length;
    ctx.report({ type: "progress", what: `fetch uv ${PINNED}`, done, unit: "bytes" });
    yield chunk;
  }
}

async function unpackProgram(wheel: string, name: string, path: string): Promise<void> {
  const handle = await open(wheel);
  try {
    const { size } = await handle.stat();
    const zip = await readZip({
      size,
      read: async (offset, length) => {
        const bytes = new Uint8Array(length);
        await handle.read(bytes, 0, length, offset);
        return bytes;
      },
    });
    const member = zip.members.find((each) => each.name === name);
    if (member === undefined) throw new Error(`\`${wheel}\` has no \`${name}\``);
    await writeDurably(path, zip.open(member));
    await chmod(path, 0o755);
  } finally {
    await handle.close();
  }
}
