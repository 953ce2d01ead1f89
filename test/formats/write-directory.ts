import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleFiles } from "../../src/formats/index.ts";
import type { BlobReader, Payload } from "../../src/model/index.ts";
import { gather } from "../support/memory-blobs.ts";

/** A bundle as a directory, `path` itself being its top folder. */
export async function writeBundleDirectory(payload: Payload, read: BlobReader, path: string): Promise<void> {
  for await (const file of bundleFiles(payload, read)) {
    if (file.kind === "directory") mkdirSync(join(path, file.path), { recursive: true });
    else writeFileSync(join(path, file.path), await gather(file.open()));
    chmodSync(join(path, file.path), file.mode);
  }
}
