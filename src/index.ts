/** The public library. */
export * from "./model/index.ts";
export { createContext, type Context } from "./system/index.ts";
export { artifactFileName, formats, packBundle, parseFormat, parseTurretContainer, unpackBundle, type Format, type TurretContainer } from "./formats/index.ts";
export { namesPlace, parseTarget, planInit, printConfigReference, readWorkspace, showConfig, writeInit, type Asked, type InitPlan, type Setting } from "./config/index.ts";

export { defaultStoreDirectory, findArtifacts, listArtifacts, listStore, openStore, verify, type Collected, type Store, type StoredFile, type StoreListing, type Verified } from "./store/index.ts";
export { addToStack, addVersionToStack, clean, createStack, diffStacks, freezeStack, hasStack, listStacks, planClean, readStack, removeFromStack, removeStack, stackDigest, type CleanOptions, type CleanPlan, type RemoveStackOptions, type StackDifference, type StackSummary } from "./stack/index.ts";

export { buildPackages, explainBuild, importInterpreter, listInterpreters, lockWorkspace, machinePlatform, makeDevEnvironment, orderPackages, packTurrets, parseTurretVersion, type BuildRequest, type BuildResult, type BuiltArtifact, type ChangedInput, type DevEnvironment, type DevRequest, type ImportedInterpreter, type LockWorkspaceRequest, type PackedTurret, type PackedTurrets, type PackTurretsRequest, type Recap, type Why, type WhyRequest, type WrittenLock } from "./build/index.ts";
export { completePlatform, needsInterpreterTree, platformPreset, platformPresets, platformSource, type CompletePlatform } from "./python/platform/index.ts";

export { examineHere, examineHosts, exitStatus, findDefaultBundle, findDeployedHere, findWanted, foldNames, groupProblems, mergeHistories, prepareDeploy, preparePlan, preparePrune, prepareRepair, prepareRollback, printHostSetup, printPlan, printSize, probePlatform, readHistory, readLogs, readPlan, readStatus, runHere, startTurret, statusExit, up, verifyHosts, type Change, type DeployedHere, type Examination, type Finding, type HistoryLine, type HostHistory, type Probed, type ProblemGroup, type HostResult, type HostStatus, type HostRepair, type HostVerification, type Repair, type Running, type TurretLine, type TurretPlace, type Wanted } from "./deploy/index.ts";
