/** Makes a stack the active release on hosts, whole or not at all: observe, plan (pure), apply. */
export { lackingTrees, packagesFor, planDeploy, type DeployRequest, type ObservedHost, type PayloadDocument, type Planned } from "./plan.ts";
export { planRollback, type RollbackRequest } from "./plan-rollback.ts";
export { planPrune } from "./plan-prune.ts";
export { parsePlan, printPlan } from "./plan-file.ts";
export { applyPlan, type ApplyOptions, type OpenHost } from "./apply.ts";
export type { Starter } from "./apply-host.ts";
export { exitStatus, type HostResult } from "./outcome.ts";
export { printSize } from "./size.ts";
export type { Change } from "./change.ts";
export { prepareDeploy, preparePlan } from "./deploy.ts";
export { prepareRollback } from "./rollback.ts";
export { preparePrune } from "./prune.ts";
export { readStatus, statusExit, type HostStatus } from "./status.ts";
export { readHistory, type HostHistory } from "./history.ts";
export { findWanted, readPlan } from "./find-wanted.ts";
export { findDefaultBundle } from "./default-bundle.ts";
export type { Wanted } from "./wanted.ts";
export { defaultRoot, up, type Running } from "./up.ts";
