import { createHash } from "node:crypto";
import { rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Bytes, Descriptor, Digest } from "../model/index.ts";
import { makeDirectory, writeDraft, type Draft } from "../system/index.ts";

/** Files that are written while they are made, beside their places in a directory, and get their names when all else is done. */
export interface Drafts extends AsyncDisposable {
  /** Take the bytes of a file of that name; what they are. */
  write(fileName: string, bytes: Bytes): Promise<Pick<Descriptor, "digest" | "size">>;
  /** Put the file of that name in its place; false where these bytes were not written. */
  place(fileName: string, digest: Digest): Promise<boolean>;
}

/** Without a directory, bytes are only counted and hashed. What was not placed goes, and so does the directory where it was made for that. */
export function openDrafts(directory: string | undefined): Drafts {
  const drafts = new Map<string, Draft & { readonly digest: Digest }>();
  let made: string | undefined;
  return {
    write: async (fileName, bytes) => {
      const hash = createHash("sha256");
      let size = 0;
      const watch = (piece: Uint8Array): void => {
        hash.update(piece);
        size += piece.length;
      };
      if (directory === undefined) {
        for await (const chunk of bytes) watch(chunk);
        return { digest: `sha256:${hash.digest("hex")}`, size };
      }
      made = (await makeDirectory(directory)) ?? made;
      const draft = await writeDraft(join(directory, fileName), bytes, { watch, mode: 0o644 });
      const digest = `sha256:${hash.digest("hex")}` as const;
      await drafts.get(fileName)?.discard();
      drafts.set(fileName, { ...draft, digest });
      return { digest, size };
    },
    place: async (fileName, digest) => {
      const draft = drafts.get(fileName);
      if (draft?.digest !== digest) return false;
      drafts.delete(fileName);
      await draft.place();
      return true;
    },
    [Symbol.asyncDispose]: async () => {
      for (const draft of drafts.values()) await draft.discard();
      if (directory !== undefined && made !== undefined) await removeEmpty(directory, made);
    },
  };
}

/** A directory, and those around it up to `last`, as far as nothing is in them. */
async function removeEmpty(directory: string, last: string): Promise<void> {
  if ((await rmdir(directory).then(() => true, () => false)) && directory !== last) await removeEmpty(dirname(directory), last);
}
