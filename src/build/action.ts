import { digestHex, type Digest, type Json, type Revision } from "../model/index.ts";
import { hashJson } from "../system/index.ts";
import type { Store } from "../store/index.ts";

/** What made an output, as named fields; whoever asks why something was built anew compares two of these. */
export type Action =
  | {
      readonly schema: "caisson.action/1";
      readonly kind: "wheel";
      /** Bytes of an sdist, or of a package's directory with what else its own version may come from. */
      readonly source: { readonly sdist: Digest } | { readonly tree: string; readonly around?: Json; readonly commit?: string; readonly describe?: string; readonly scripts?: Json; readonly on?: Json };
      /** The minor of the interpreter that ran the back end, `3.11`. */
      readonly interpreter: string;
      /** What compiled a wheel that is not pure, and where: its label names neither a glibc nor a compiler, so these facts do. */
      readonly machine?: Json;
      readonly tool: string;
      readonly rules: string;
    }
  | {
      readonly schema: "caisson.action/1";
      readonly kind: "scripts";
      readonly source: { readonly tree: string; readonly around?: Json; readonly commit: string; readonly describe: string };
      /** Their paths in the source; "" for none. */
      readonly scripts: { readonly pre: string; readonly post: string };
      readonly interpreter: string;
      /** They run the programs of this machine. */
      readonly machine: Json;
      readonly tool: string;
    }
  | {
      readonly schema: "caisson.action/1";
      readonly kind: "artifact";
      /** The package's part of caisson.toml. */
      readonly package: Json;
      readonly platform: Json;
      /** Name and tree of the package itself and of each workspace package it needs, and what is around each. */
      readonly trees: Json;
      /** The revision that the payload names. */
      readonly revision?: Revision;
      /** Of each of `trees`, the commit and how it is described, where a version is made of them. */
      readonly commits?: Json;
      /** What made the wheels that were made here. */
      readonly makers?: Json;
      /** What the lock says that `lock` led to. */
      readonly locked?: string;
      /** What compiles for its platform, where that is not the machine's own. */
      readonly compiler?: string;
      /** The build scripts among them, and the machine whose programs they run: what they find there besides is in no key. */
      readonly scripts?: { readonly of: Json; readonly machine: Json };
      /** Exceptions without which it would have been refused. */
      readonly exceptions?: Json;
      /** The tree of the interpreter that goes along. */
      readonly interpreter?: Digest;
      /** What decides which distributions are chosen. */
      readonly lock: string;
      readonly format: string;
      readonly rules: string;
    };

export type WheelAction = Extract<Action, { readonly kind: "wheel" }>;

/** The key of an action: one hash over its named fields. Absolute paths, users, times and the number of cores are never among them. */
export function actionKey(action: Action): string {
  return digestHex(hashJson(action));
}

/** What an action gave when it last ran, or undefined. */
export async function recallAction(store: Store, action: Action): Promise<Json | undefined> {
  const ref = await store.readRef("actions", actionKey(action));
  const value = ref?.value as { readonly output?: Json } | undefined;
  return value?.output;
}

/** Keep what an action gave, with the fields of its key. Only after success; whoever comes first is right, since both made the same. */
export async function rememberAction(store: Store, action: Action, output: Json): Promise<void> {
  const name = actionKey(action);
  const before = await store.readRef("actions", name);
  await store.writeRef("actions", name, { action: action as unknown as Json, output }, before?.generation ?? 0);
}
