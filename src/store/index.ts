/** Keeps bytes under their digest and names under generations. */
import type * as Collect from "./collect.ts";
import type * as Verify from "./verify.ts";

export type { RefKind } from "./layout.ts";
export type { OpenBlob } from "./read.ts";
export type { Ref } from "./refs.ts";
export type { Expected } from "./write.ts";
export * from "./store.ts";
export * from "./artifacts.ts";
export type { Collected, CollectOptions } from "./collect.ts";
export * from "./list.ts";
export type { Verified } from "./verify.ts";

// Loaded when they are first called: nobody sweeps or verifies while building.
export const collect: typeof Collect.collect = async (...words) => (await import("./collect.ts")).collect(...words);
export const verify: typeof Verify.verify = async (...words) => (await import("./verify.ts")).verify(...words);
