import { fail, type BlobReader, type Bytes, type EpochSeconds, type Payload, type Tree } from "../model/index.ts";
import type { Context } from "../system/index.ts";
import { writeBzip2 } from "./archive/bzip2.ts";
import { writeGzip } from "./archive/gzip.ts";
import type { NewMember } from "./archive/member.ts";
import { writeTar } from "./archive/tar.ts";
import { writeZip } from "./archive/zip.ts";
import { bundleFiles, filesOfTree, type BundleFile } from "./bundle.ts";
import { topFolder, type ArchiveName } from "./format.ts";

/**
 * A payload as one file, a stream of bytes that depend on the payload, its blobs, and our agent and install.sh alone.
 * A directory is no file: it is made of `bundleFiles`. `brief`: each chunk is good until the next is asked for.
 * @throws CaissonError `blob-missing` · `digest-mismatch` · `tool-missing` for tar.bz2 without bzip2 · `format-unknown` for a zip over 4 GiB
 */
export function packBundle(ctx: Context, payload: Payload, format: ArchiveName, read: BlobReader, how: { readonly brief?: boolean } = {}): Bytes {
  const packing = { format, folder: topFolder(payload), time: payload.revision.time, brief: how.brief === true };
  return packFiles(ctx, bundleFiles(payload, reader(read, packing)), packing);
}

/** The same of a bundle whose files were kept as a tree. */
export function packTree(ctx: Context, tree: Tree, read: BlobReader, packing: Packing): Bytes {
  return packFiles(ctx, filesOfTree(tree, reader(read, packing)), packing);
}

/** What makes an archive of files. */
export interface Packing {
  readonly format: ArchiveName;
  /** The one that all members lie in. */
  readonly folder: string;
  readonly time: EpochSeconds;
  /** Each chunk is good until the next is asked for. */
  readonly brief: boolean;
}

/** What goes through a program waits in a queue on its way. */
function reader(read: BlobReader, { format, brief }: Packing): BlobReader {
  return { has: (blob) => read.has(blob), read: (blob) => read.read(blob, { brief: brief && format !== "tar.bz2" }) };
}

function packFiles(ctx: Context, files: AsyncIterable<BundleFile>, { format, folder, time, brief }: Packing): Bytes {
  const members = inFolder(ctx, files, folder);
  if (format === "zip") return writeZip(members, time);
  const tar = writeTar(members, time);
  if (format === "tar") return tar;
  return format === "tar.gz" ? writeGzip(tar, brief) : writeBzip2(ctx, tar);
}

async function* inFolder(ctx: Context, files: AsyncIterable<BundleFile>, folder: string): AsyncIterable<NewMember> {
  for await (const file of files) {
    if (ctx.signal.aborted) fail({ code: "cancelled", message: "stopped on request" });
    yield { ...file, path: `${folder}/${file.path}` };
  }
}
