/** Turns a payload into bytes, reproducibly, and reads them back, trusting nothing: the bundle, in five containers; and, one way only, wheelhouses and turrets' archives. */
import type { Bytes } from "../model/index.ts";
import type * as Bundle from "./bundle.ts";
import type * as Pack from "./pack.ts";
import type * as Turret from "./turret.ts";
import type * as Unpack from "./unpack.ts";
import type * as Wheelhouse from "./wheelhouse.ts";

export { readGzip } from "./archive/gzip.ts";
export { writeTar } from "./archive/tar.ts";
export { readTarEntries, type TarEntry } from "./archive/read-tar.ts";
export type { Refuse } from "./archive/member.ts";
export { groupName, unitsOf, type UnitsRequest } from "./systemd/units.ts";
export { printSetup } from "./systemd/setup.ts";
export { printSudoers } from "./systemd/sudoers.ts";
export { launcherLinks, launcherTree } from "./launcher.ts";
export { compareMembers, parseTurretContainer, turretFolder, turretFormatNumber, writeTurret, type TurretContainer } from "./turret.ts";
export type { NewMember } from "./archive/member.ts";
export type { BundleFile } from "./bundle.ts";
export { quoteWord } from "./shell-word.ts";
export { artifactFileName, containers, formats, ownDataNames, parseFormat, wheelhouseName, type ArchiveName, type Format } from "./format.ts";

// Loaded when they are first called: most commands neither pack nor unpack.
export async function* bundleFiles(...words: Parameters<typeof Bundle.bundleFiles>): ReturnType<typeof Bundle.bundleFiles> {
  yield* (await import("./bundle.ts")).bundleFiles(...words);
}
export async function* packBundle(...words: Parameters<typeof Pack.packBundle>): Bytes {
  yield* (await import("./pack.ts")).packBundle(...words);
}
export async function* packTree(...words: Parameters<typeof Pack.packTree>): Bytes {
  yield* (await import("./pack.ts")).packTree(...words);
}
export async function* wheelhouseFiles(...words: Parameters<typeof Wheelhouse.wheelhouseFiles>): ReturnType<typeof Wheelhouse.wheelhouseFiles> {
  yield* (await import("./wheelhouse.ts")).wheelhouseFiles(...words);
}
export async function* packTurret(...words: Parameters<typeof Turret.packTurret>): Bytes {
  yield* (await import("./turret.ts")).packTurret(...words);
}
export const unpackBundle: typeof Unpack.unpackBundle = async (...words) => (await import("./unpack.ts")).unpackBundle(...words);
