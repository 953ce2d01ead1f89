/** Keeps bytes under their digest and names under generations. */
export type { RefKind } from "./layout.ts";
export type { OpenBlob } from "./read.ts";
export type { Ref } from "./refs.ts";
export type { Expected } from "./write.ts";
export * from "./store.ts";
export * from "./artifacts.ts";
export { collect, type Collected, type CollectOptions } from "./collect.ts";
export * from "./verify.ts";
