/** Makes a stack the active release on hosts, whole or not at all: observe, plan (pure), apply. */
export { printPlan } from "./plan-file.ts";
export { exitStatus, type HostResult } from "./outcome.ts";
export { printSize } from "./size.ts";
export type { Change } from "./change.ts";
export { prepareDeploy, preparePlan } from "./deploy.ts";
export { prepareRollback } from "./rollback.ts";
export { preparePrune } from "./prune.ts";
export { readStatus, statusExit, type HostStatus } from "./status.ts";
export { readHistory, type HostHistory } from "./history.ts";
export { verifyHosts, type HostVerification } from "./verify.ts";
export { findWanted, readPlan } from "./find-wanted.ts";
export { findDefaultBundle } from "./default-bundle.ts";
export type { Wanted } from "./wanted.ts";
export { up } from "./up.ts";
export type { Running } from "./run-stack.ts";
