/** Versions, specifiers, markers and requirements: what most of the house needs of this room, without the rest of it. */
export { compareVersions, normalizeVersion } from "./version.ts";
export { isSpecifier, satisfies } from "./specifier.ts";
export { evaluateMarker, parseMarker, type Marker } from "./marker.ts";
export { parseRequirement, type Requirement } from "./requirement.ts";
