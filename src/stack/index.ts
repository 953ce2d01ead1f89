/** Names a set of artifacts that travel together and says how two sets differ. */
export * from "./stack.ts";
export * from "./diff.ts";
export { hasStack, listStacks, readStack, type StackSummary } from "./read.ts";
