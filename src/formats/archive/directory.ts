import { createReadStream } from "node:fs";
import { join } from "node:path";
import type { Bytes } from "../../model/index.ts";
import { walk } from "../../system/index.ts";
import { invalid, parseMemberPath, type Member } from "./member.ts";

/**
 * What lies in a directory, as members.
 * @throws CaissonError `bundle-invalid` for links and everything else that is neither file nor directory
 */
export async function* readDirectory(directory: string): AsyncIterable<Member> {
  for await (const { path, kind, size } of walk(directory)) {
    if (kind !== "file" && kind !== "directory") invalid(`the bundle has a member that is neither file nor directory: \`${path}\``);
    yield { path: parseMemberPath(path), kind, size: kind === "file" ? size : 0, bytes: readLater(join(directory, path)) };
  }
}

/** Opened when somebody reads it. */
async function* readLater(path: string): Bytes {
  yield* createReadStream(path, { highWaterMark: 1 << 20 });
}
