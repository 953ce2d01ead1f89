/** Makes payloads and artifacts from packages at a revision and puts them in the store. */
import type * as LockWorkspace from "./lock-workspace.ts";

export { buildPackages, makePackages, type BuildRequest, type BuildResult, type BuiltArtifact } from "./build.ts";
export { machinePlatform } from "./machine.ts";
export { orderPackages } from "./order.ts";
export type { LockWorkspaceRequest, WrittenLock } from "./lock-workspace.ts";

// Loaded when it is first called, as all that a build with nothing to do has no need of.
export const lockWorkspace: typeof LockWorkspace.lockWorkspace = async (...words) => (await import("./lock-workspace.ts")).lockWorkspace(...words);
