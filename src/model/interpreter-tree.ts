import type { Descriptor } from "./digest.ts";
import type { Platform } from "./platform.ts";
import type { TreeRef } from "./tree.ts";

/** A CPython that releases bring along, for systems whose own is none or too old; kept in the store under a name. */
export interface InterpreterTree {
  readonly schema: "caisson.interpreter/1";
  /** `python-3.11` */
  readonly name: string;
  /** `3.11.7` */
  readonly version: string;
  readonly soabi: string;
  readonly arch: Platform["arch"];
  /** The oldest that its programs run on. */
  readonly libc: Platform["libc"];
  readonly tree: TreeRef;
  /** A tar archive that the tree's files come from, so that a host without any Python can unpack it by `tar`. */
  readonly blob: Descriptor;
  /** A tar archive of what extensions for it are compiled with, `Python.h` at the top; absent where it came without. */
  readonly headers?: Descriptor;
  /** Of its tree: `root/bin/python3.11`. */
  readonly executable: string;
  /** Libraries that it loads from the host, besides those of libc. */
  readonly leansOn: readonly string[];
}
