/** Knows Python's packaging standards: versions, markers, tags, locks, wheels, ELF, and how many wheels become one environment. Pure functions over bytes and text. */
export { compareVersions, normalizeVersion } from "./version.ts";
export { isSpecifier, satisfies } from "./specifier.ts";
export { evaluateMarker, parseMarker, type Marker } from "./marker.ts";
export { parseRequirement, type Requirement } from "./requirement.ts";
export { compatibleTags, platformTags } from "./tags.ts";
export { needsInterpreterTree, platformFromFacts, platformPreset, platformPresets, type PlatformFacts } from "./platform.ts";
export { isLockFileName, parseLock, type Lock, type LockedFile, type LockedPackage, type LockedSource } from "./lock.ts";
export { nodeHashName } from "./lock-hashes.ts";
export { printLock } from "./lock-print.ts";
export { select, type Choice, type SelectOptions } from "./select.ts";
export { planFiles, planLinks } from "./environment.ts";
export { readZip, bytesSource, readMember, type ByteSource, type Zip, type ZipMember } from "./zip.ts";
export { readWheel, ruleSetVersion } from "./wheel.ts";
export { normalizeWheel } from "./normalize-wheel.ts";
export { launcherText } from "./launcher.ts";
export { expandTags, parseWheelFileName, type WheelName } from "./wheel-name.ts";
export { readElf, type Elf } from "./elf.ts";
export { checkElf } from "./check-elf.ts";
