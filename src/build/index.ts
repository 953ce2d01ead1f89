/** Makes payloads and artifacts from packages at a revision and puts them in the store. */
import type * as Build from "./build.ts";
import type * as Dev from "./dev.ts";
import type * as InterpreterChoice from "./interpreter-tree/choose.ts";
import type * as InterpreterImport from "./interpreter-tree/import.ts";
import type * as InterpretersKept from "./interpreter-tree/kept.ts";
import type * as LockWorkspace from "./lock/lock-workspace.ts";
import type * as Machine from "./machine.ts";
import type * as Tools from "./uv/tools.ts";
import type * as WhyBuild from "./why.ts";
import type * as TurretPack from "./turret/pack.ts";
import type * as TurretEnvironment from "./turret/environment.ts";
import type * as TurretArchive from "./turret/read-archive.ts";

export { orderPackages } from "./order.ts";
export { parseTurretVersion } from "./turret/version.ts";
export type { BuildRequest, BuildResult, BuiltArtifact } from "./build.ts";
export type { StartConfig } from "./turret/start-config.ts";
export type { DevEnvironment, DevRequest } from "./dev.ts";
export type { ChangedInput, Why, WhyRequest } from "./why.ts";
export type { Recap } from "./recap.ts";
export type { ImportedInterpreter } from "./interpreter-tree/import.ts";
export type { LockWorkspaceRequest, WrittenLock } from "./lock/lock-workspace.ts";
export type { PackedTurret, PackedTurrets, PackTurretsRequest } from "./turret/pack.ts";

// Loaded when they are first called: who deploys does not build, and a build with nothing to do needs little of this.
export const buildPackages: typeof Build.buildPackages = async (...words) => (await import("./build.ts")).buildPackages(...words);
export const makePackages: typeof Build.makePackages = async (...words) => (await import("./build.ts")).makePackages(...words);
export const machinePlatform: typeof Machine.machinePlatform = async (...words) => (await import("./machine.ts")).machinePlatform(...words);
export const findUv: typeof Tools.findUv = async (...words) => (await import("./uv/tools.ts")).findUv(...words);
export const chooseInterpreter: typeof InterpreterChoice.chooseInterpreter = async (...words) => (await import("./interpreter-tree/choose.ts")).chooseInterpreter(...words);
export const listInterpreters: typeof InterpretersKept.listInterpreters = async (...words) => (await import("./interpreter-tree/kept.ts")).listInterpreters(...words);
export const makeDevEnvironment: typeof Dev.makeDevEnvironment = async (...words) => (await import("./dev.ts")).makeDevEnvironment(...words);
export const explainBuild: typeof WhyBuild.explainBuild = async (...words) => (await import("./why.ts")).explainBuild(...words);
export const importInterpreter: typeof InterpreterImport.importInterpreter = async (...words) => (await import("./interpreter-tree/import.ts")).importInterpreter(...words);
export const lockWorkspace: typeof LockWorkspace.lockWorkspace = async (...words) => (await import("./lock/lock-workspace.ts")).lockWorkspace(...words);
export const readTurretArchive: typeof TurretArchive.readTurretArchive = async (...words) => (await import("./turret/read-archive.ts")).readTurretArchive(...words);
export const readTurretFolder: typeof TurretArchive.readTurretFolder = async (...words) => (await import("./turret/read-archive.ts")).readTurretFolder(...words);
export const makeTurretEnvironment: typeof TurretEnvironment.makeTurretEnvironment = async (...words) => (await import("./turret/environment.ts")).makeTurretEnvironment(...words);
export const packTurrets: typeof TurretPack.packTurrets = async (...words) => (await import("./turret/pack.ts")).packTurrets(...words);
