import { chmod, mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CaissonError, fail, type Descriptor } from "../../model/index.ts";
import { readZip } from "../../python/index.ts";
import type { Store } from "../../store/index.ts";
import { errorCode, makeDirectory, mapConcurrently, ownedDirectory, type Context } from "../../system/index.ts";
import { fetchFiles } from "../fetch/fetch.ts";
import { indexClient } from "../fetch/http.ts";
import { readIndexPage } from "../fetch/index-page.ts";
import type { PackageIndex } from "../fetch/index-settings.ts";
import { WHEELS, ZIG } from "./zig-pin.ts";

/**
 * Put the zig that we know into a directory that is not there yet; its wheel stays in the store, so that it need not be fetched again.
 * @throws CaissonError `tool-missing` · `index-unreachable` · `digest-mismatch`
 */
export async function bringZig(ctx: Context, store: Store, index: PackageIndex, offline: boolean, directory: string): Promise<void> {
  const wheel = await fetchWheel(ctx, store, index, offline);
  await makeDirectory(dirname(directory));
  // Removed by the next one, where this one is killed.
  await using scratch = await ownedDirectory(".made", dirname(directory));
  const made = join(scratch.path, "zig");
  const what = `unpack zig ${ZIG}`;
  ctx.report({ type: "started", what });
  try {
    await unpack(store, wheel, made);
    await rename(made, directory).catch((error: unknown) => {
      // Somebody else brought the same meanwhile.
      if (!["ENOTEMPTY", "EEXIST"].includes(errorCode(error) ?? "")) throw error;
    });
  } finally {
    ctx.report({ type: "finished", what });
  }
}

async function fetchWheel(ctx: Context, store: Store, index: PackageIndex, offline: boolean): Promise<Descriptor> {
  const wheel = WHEELS[process.arch];
  if (wheel === undefined) return fail({ code: "tool-missing", message: `no zig is known for ${process.arch}`, hint: "take `compiler` out of caisson.toml, and build on a machine of that platform" });
  const { fileName, sha256 } = wheel;
  const file = { kind: "wheel", fileName, hashes: { sha256 } } as const;
  const fetch = async (url?: string): Promise<Descriptor> => {
    const choice = { name: ZIGLANG, version: ZIG, build: false, file: { ...file, ...(url === undefined ? {} : { url }) } } as const;
    return (await fetchFiles(ctx, store, [choice], { index, directory: () => Promise.resolve("/"), offline })).get(fileName) as Descriptor;
  };
  try {
    // What the store or a directory of files has needs no word from the index.
    return await fetch().catch(async (error: unknown) => {
      if (!(error instanceof CaissonError) || error.code !== "blob-missing" || offline || index.disabled) throw error;
      return await fetch(await findUrl(ctx, index, fileName));
    });
  } catch (error) {
    if (!(error instanceof CaissonError) || !["blob-missing", "index-unreachable"].includes(error.code)) throw error;
    const hint = `run it once with the network, or put its wheel into a directory that --find-links names: pip download ziglang==${ZIG}`;
    return fail({ code: "tool-missing", message: `there is no zig ${ZIG} in the store, and \`compiler = "zig"\` asks for it`, hint }, error.code === "blob-missing" ? undefined : error);
  }
}

const ZIGLANG = "ziglang" as Parameters<typeof fetchFiles>[2][number]["name"];

async function findUrl(ctx: Context, index: PackageIndex, fileName: string): Promise<string | undefined> {
  const get = indexClient(ctx, index);
  for (const address of [...index.extra, index.url]) {
    const offered = (await readIndexPage(get, address, ZIGLANG))?.find((file) => file.fileName === fileName);
    if (offered !== undefined) return offered.url;
  }
  return undefined;
}

/** The program and what it compiles with; the few Python files beside them are no use to us. */
async function unpack(store: Store, { digest }: Descriptor, directory: string): Promise<void> {
  await using blob = await store.open(digest);
  const zip = await readZip(blob);
  const members = zip.members.filter(({ name, directory: empty }) => !empty && (name === "ziglang/zig" || name.startsWith("ziglang/lib/")));
  for (const below of new Set(members.map(({ name }) => dirname(name)))) await mkdir(join(directory, below), { recursive: true });
  await mapConcurrently(members, 16, async (member) => await writeFile(join(directory, member.name), zip.open(member)));
  await chmod(join(directory, "ziglang", "zig"), 0o755);
}
