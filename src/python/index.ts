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
