import { fail, type BlobReader, type Bytes, type Payload } from "../model/index.ts";
import type { Context } from "../system/index.ts";
import { writeBzip2 } from "./archive/bzip2.ts";
import { writeGzip } from "./archive/gzip.ts";
import type { NewMember } from "./archive/member.ts";
import { writeTar } from "./archive/tar.ts";
import { writeZip } from "./archive/zip.ts";
import { bundleFiles } from "./bundle.ts";
import { topFolder, type ArchiveName } from "./format.ts";

/**
 * A payload as one file, a stream of bytes that depend on the payload, its blobs, and our agent and install.sh alone.
 * A directory is no file: it is made of `bundleFiles`. `brief`: each chunk is good until the next is asked for.
 * @throws CaissonError `blob-missing` · `digest-mismatch` · `tool-missing` for tar.bz2 without bzip2 · `format-unknown` for a zip over 4 GiB
 */
export function packBundle(ctx: Context, payload: Payload, format: ArchiveName, read: BlobReader, how: { readonly brief?: boolean } = {}): Bytes {
  const { time } = payload.revision;
  // What goes through a program waits in a queue on its way.
  const brief = how.brief === true && format !== "tar.bz2";
  const members = inFolder(ctx, payload, { has: (blob) => read.has(blob), read: (blob) => read.read(blob, { brief }) });
  if (format === "zip") return writeZip(members, time);
  const tar = writeTar(members, time);
  if (format === "tar") return tar;
  return format === "tar.gz" ? writeGzip(tar, brief) : writeBzip2(ctx, tar);
}

async function* inFolder(ctx: Context, payload: Payload, read: BlobReader): AsyncIterable<NewMember> {
  const folder = topFolder(payload);
  for await (const file of bundleFiles(payload, read)) {
    if (ctx.signal.aborted) fail({ code: "cancelled", message: "stopped on request" });
    yield { ...file, path: `${folder}/${file.path}` };
  }
}
