import { chmod, mkdir, open, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { CaissonError, fail, type Bytes, type Digest, type IndexSettings } from "../../model/index.ts";
import { readZip } from "../../python/index.ts";
import { errorCode, hashFile, makeDirectory, removeTree, temporaryBeside, writeDurably, type Context } from "../../system/index.ts";
import { indexClient, type Get } from "../fetch/http.ts";
import { readIndexPage } from "../fetch/index-page.ts";
import { indexSettings, type PackageIndex } from "../fetch/index-settings.ts";
import { OLDEST, PINNED, WHEELS } from "./uv-pin.ts";

/**
 * Put the uv that we know into a directory that is not there yet: from a directory of files, else from the index.
 * @throws CaissonError `tool-missing` · `index-unreachable` · `digest-mismatch`
 */
export async function bringUv(ctx: Context, index: IndexSettings, offline: boolean, directory: string): Promise<void> {
  const missing = { code: "tool-missing", message: "there is no uv on PATH, and none in the cache", hint: `run it once with the network, or put uv ${OLDEST} or newer on PATH` } as const;
  const wheel = WHEELS[`${process.arch} ${libcFamily()}`];
  if (wheel === undefined) return fail({ ...missing, hint: `put uv ${OLDEST} or newer on PATH; none is known for ${process.arch}` });
  const what = `fetch uv ${PINNED}`;
  ctx.report({ type: "started", what });
  await makeDirectory(join(directory, ".."));
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
    if (error instanceof CaissonError && error.code === "index-unreachable") return fail({ ...missing, message: `${missing.message}, and the index cannot be reached` }, error);
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
