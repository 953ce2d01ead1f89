/** Knows Python's packaging standards: versions, markers, tags, locks, wheels, ELF, and how many wheels become one environment. Pure functions over bytes and text. */
import type * as Normalize from "./wheel/normalize.ts";
import type * as Retag from "./wheel/retag.ts";
import type * as Wheel from "./wheel/wheel.ts";
import type * as ZipFile from "./zip/zip.ts";

export * from "./version/index.ts";
export { compatibleTags, platformTags } from "./platform/tags.ts";
export { provenTags, type Claim } from "./platform/claim.ts";
export * from "./platform/index.ts";
export * from "./project/index.ts";
export { isLockFileName, parseLock, type Lock, type LockedFile, type LockedPackage, type LockedSource } from "./lock/lock.ts";
export { readUvLock, type UvLockRequest } from "./lock/uv-lock.ts";
export { nodeHashName } from "./lock/hashes.ts";
export { printLock } from "./lock/print.ts";
export { select, type Choice, type ChosenCommit, type Misfit, type SelectOptions } from "./lock/select.ts";
export { planFiles, planLinks } from "./environment/links.ts";
export { bytesSource, type ByteSource } from "./zip/source.ts";
export type { Zip } from "./zip/zip.ts";
export { ruleSetVersion } from "./wheel/rules.ts";
export * from "./rules/index.ts";
export { launcherText, scriptLauncherText } from "./wheel/launcher.ts";
export { expandTags, parseWheelFileName } from "./wheel/name.ts";
export { readElf, type Elf } from "./elf/elf.ts";
export { gatherElfFacts, type ElfFile } from "./elf/facts.ts";
export { compareDotted } from "./elf/versions.ts";
export { checkElf } from "./elf/check-elf.ts";
export { checkRequirements } from "./environment/requirements.ts";

// Loaded with the first wheel that is read: most commands read none.
export const readWheel: typeof Wheel.readWheel = async (...words) => (await import("./wheel/wheel.ts")).readWheel(...words);
export const normalizeWheel: typeof Normalize.normalizeWheel = async (...words) => (await import("./wheel/normalize.ts")).normalizeWheel(...words);
export const retagWheel: typeof Retag.retagWheel = async (...words) => (await import("./wheel/retag.ts")).retagWheel(...words);
export type { NamedWheel } from "./wheel/retag.ts";
export const streamNormalWheel: typeof Normalize.streamNormalWheel = async function* (...words) {
  yield* (await import("./wheel/normalize.ts")).streamNormalWheel(...words);
};
export const readZip: typeof ZipFile.readZip = async (...words) => (await import("./zip/zip.ts")).readZip(...words);
export const readMember: typeof ZipFile.readMember = async (...words) => (await import("./zip/zip.ts")).readMember(...words);
