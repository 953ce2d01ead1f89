import { fail, type Bytes } from "../../model/index.ts";

/** A file or directory on its way into an archive. */
export interface NewMember {
  /** From the archive's root; a directory's ends with a slash. */
  readonly path: string;
  readonly kind: "file" | "directory";
  readonly mode: number;
  readonly size: number;
  /** The content, from its start each time. */
  open(): Bytes;
}

/** A file or directory found in an archive. What is not of these two kinds is refused by the reader. */
export interface Member {
  /** From the archive's root, plain: no empty, `.` or `..` part, no leading or trailing slash. */
  readonly path: string;
  readonly kind: "file" | "directory";
  readonly size: number;
  /** To be read, whole or not at all, before the next member is asked for. */
  readonly bytes: Bytes;
}

/** Refuse an archive; `what` goes on after its name: `is cut short`. */
export type Refuse = (what: string, cause?: unknown) => never;

/** As every reader of bundles refuses. @throws CaissonError `bundle-invalid` always */
export function refuseBundle(what: string, cause?: unknown): never {
  return invalid(`the bundle ${what}`, cause);
}

/** @throws CaissonError `bundle-invalid` always */
export function invalid(message: string, cause?: unknown, hint = "fetch or build the bundle again"): never {
  return fail({ code: "bundle-invalid", message, hint }, cause);
}

/**
 * The plain form of a path found in an archive.
 * @throws CaissonError `bundle-invalid` where it leaves the archive's root or is not written plainly
 */
export function parseMemberPath(text: string): string {
  const path = text.endsWith("/") ? text.slice(0, -1) : text;
  const plain = path !== "" && !/[\0\\\ufffd]/.test(path) && path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
  return plain ? path : invalid(`the bundle has a member outside its folder: \`${text}\``);
}

/** The content of a member in chunks, checked to be as long as was announced. */
export async function* exactly(member: NewMember): Bytes {
  let size = 0;
  for await (const chunk of member.open()) {
    size += chunk.length;
    yield chunk;
  }
  if (size !== member.size) fail({ code: "digest-mismatch", message: `\`${member.path}\` has ${size} bytes where ${member.size} were announced` });
}
