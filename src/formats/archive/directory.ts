import { createReadStream, createWriteStream } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Bytes } from "../../model/index.ts";
import { walk } from "../../system/index.ts";
import { exactly, invalid, parseMemberPath, type Member, type NewMember } from "./member.ts";

/** Write members below a directory that exists already, each synced; modes as given, whatever the umask. */
export async function writeDirectory(members: AsyncIterable<NewMember>, directory: string): Promise<void> {
  for await (const member of members) {
    const path = join(directory, member.path);
    if (member.kind === "directory") await mkdir(path, { recursive: true });
    else await pipeline(exactly(member), createWriteStream(path, { flags: "wx", flush: true }));
    await chmod(path, member.mode);
  }
}

/** @throws CaissonError `bundle-invalid` for links and everything else that is neither file nor directory */
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
