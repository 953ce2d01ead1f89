/** Makes payloads and artifacts from packages at a revision and puts them in the store. */
export { buildPackages, type BuildRequest, type BuildResult, type BuiltArtifact } from "./build.ts";
export { machinePlatform } from "./machine.ts";
export { orderPackages } from "./order.ts";
export { lockWorkspace, type LockWorkspaceRequest, type WrittenLock } from "./lock-workspace.ts";
