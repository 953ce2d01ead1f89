import { mkdtemp, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fail, type BlobReader, type Bytes, type FormatName, type Payload } from "../model/index.ts";
import { explainFileError, removeTree, syncPath, type Context } from "../system/index.ts";
import { writeBzip2 } from "./archive/bzip2.ts";
import { writeDirectory } from "./archive/directory.ts";
import { writeGzip } from "./archive/gzip.ts";
import type { NewMember } from "./archive/member.ts";
import { writeTar } from "./archive/tar.ts";
import { writeZip } from "./archive/zip.ts";
import { bundleFiles } from "./bundle.ts";
import { topFolder } from "./format.ts";

/**
 * A payload as one file, a stream of bytes that depend on the payload, its blobs, and our agent and install.sh alone.
 * A directory is no file: `writeBundleDirectory` makes it.
 * @throws CaissonError `blob-missing` · `digest-mismatch` · `tool-missing` for tar.bz2 without bzip2 · `format-unknown` for a zip over 4 GiB
 */
export function packBundle(ctx: Context, payload: Payload, format: Exclude<FormatName, "dir">, read: BlobReader): Bytes {
  const { time } = payload.revision;
  const members = inFolder(topFolder(payload), payload, read);
  if (format === "zip") return writeZip(members, time);
  const tar = writeTar(members, time);
  if (format === "tar") return tar;
  return format === "tar.gz" ? writeGzip(tar) : writeBzip2(ctx, tar);
}

/**
 * A payload as a directory, `path` itself being its top folder. Written beside it and renamed, so that nobody sees a half of it.
 * @throws CaissonError `ref-exists` where something is there already · as `packBundle`
 */
export async function writeBundleDirectory(payload: Payload, read: BlobReader, path: string): Promise<void> {
  const scratch = await mkdtemp(join(dirname(path), `.tmp-${basename(path)}-`));
  try {
    await writeDirectory(inFolder("bundle", payload, read), scratch);
    await rename(join(scratch, "bundle"), path);
    await syncPath(dirname(path));
  } catch (error) {
    if (error instanceof Error && "code" in error && ["ENOTEMPTY", "EEXIST", "ENOTDIR"].includes(String(error.code))) fail({ code: "ref-exists", message: `\`${path}\` exists already`, hint: "remove it first" }, error);
    throw explainFileError(error, path);
  } finally {
    await removeTree(scratch);
  }
}

async function* inFolder(folder: string, payload: Payload, read: BlobReader): AsyncIterable<NewMember> {
  for await (const file of bundleFiles(payload, read)) yield { ...file, path: `${folder}/${file.path}` };
}
