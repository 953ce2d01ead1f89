/** Names a set of artifacts that travel together and says how two sets differ. */
import type * as Clean from "./clean.ts";

export * from "./stack.ts";
export * from "./diff.ts";
export { findOldDevelopment, removeStack, type RemoveStackOptions } from "./remove.ts";
export type { CleanOptions, CleanPlan } from "./clean.ts";
export { hasStack, listStacks, readStack, type StackSummary } from "./read.ts";

// Loaded when they are first called: cleaning is rare.
export const planClean: typeof Clean.planClean = async (...words) => (await import("./clean.ts")).planClean(...words);
export const clean: typeof Clean.clean = async (...words) => (await import("./clean.ts")).clean(...words);
