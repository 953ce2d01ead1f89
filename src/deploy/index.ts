/** Makes a stack the active release on hosts, whole or not at all: observe, plan (pure), apply. */
import type * as Bundle from "./default-bundle.ts";
import type * as Deploy from "./deploy.ts";
import type * as ExamineHere from "./doctor/examine-here.ts";
import type * as ExamineHosts from "./doctor/examine-hosts.ts";
import type * as Find from "./find-wanted.ts";
import type * as History from "./history.ts";
import type * as Logs from "./logs.ts";
import type * as Prune from "./prune.ts";
import type * as Rollback from "./rollback.ts";
import type * as RunHere from "./run-here.ts";
import type * as StartTurret from "./start-turret.ts";
import type * as Status from "./status.ts";
import type * as Up from "./up.ts";
import type * as Verify from "./verify.ts";

export { printPlan } from "./plan-file.ts";
export { exitStatus, statusExit, type HostResult, type HostStatus } from "./outcome.ts";
export { foldNames } from "./fold.ts";
export { groupProblems, type ProblemGroup } from "./group-problems.ts";
export { printSize } from "./size.ts";
export type { Examination } from "./doctor/examine-hosts.ts";
export type { Finding } from "./doctor/findings.ts";
export type { Change } from "./change.ts";
export type { LogsRequest, MissedLog } from "./logs.ts";
export type { RunRequest } from "./run-here.ts";
export type { HostHistory } from "./history.ts";
export type { HostVerification } from "./verify.ts";
export type { Wanted } from "./wanted.ts";
export type { TurretLine, TurretPlace } from "./start-turret.ts";
export type { Running } from "./run-stack.ts";

// Loaded when they are first called: who builds does not wait for what deploys.
export const prepareDeploy: typeof Deploy.prepareDeploy = async (...words) => (await import("./deploy.ts")).prepareDeploy(...words);
export const preparePlan: typeof Deploy.preparePlan = async (...words) => (await import("./deploy.ts")).preparePlan(...words);
export const prepareRollback: typeof Rollback.prepareRollback = async (...words) => (await import("./rollback.ts")).prepareRollback(...words);
export const preparePrune: typeof Prune.preparePrune = async (...words) => (await import("./prune.ts")).preparePrune(...words);
export const readStatus: typeof Status.readStatus = async (...words) => (await import("./status.ts")).readStatus(...words);
export const readHistory: typeof History.readHistory = async (...words) => (await import("./history.ts")).readHistory(...words);
export const readLogs: typeof Logs.readLogs = async (...words) => (await import("./logs.ts")).readLogs(...words);
export const runHere: typeof RunHere.runHere = async (...words) => (await import("./run-here.ts")).runHere(...words);
export const verifyHosts: typeof Verify.verifyHosts = async (...words) => (await import("./verify.ts")).verifyHosts(...words);
export const findWanted: typeof Find.findWanted = async (...words) => (await import("./find-wanted.ts")).findWanted(...words);
export const readPlan: typeof Find.readPlan = async (...words) => (await import("./find-wanted.ts")).readPlan(...words);
export const findDefaultBundle: typeof Bundle.findDefaultBundle = async (...words) => (await import("./default-bundle.ts")).findDefaultBundle(...words);
export const up: typeof Up.up = async (...words) => (await import("./up.ts")).up(...words);
export const startTurret: typeof StartTurret.startTurret = async (...words) => (await import("./start-turret.ts")).startTurret(...words);
export const examineHere: typeof ExamineHere.examineHere = async (...words) => (await import("./doctor/examine-here.ts")).examineHere(...words);
export const examineHosts: typeof ExamineHosts.examineHosts = async (...words) => (await import("./doctor/examine-hosts.ts")).examineHosts(...words);
