/** Platforms that have a name, and what they are: what is known of them without a single wheel. */
export { needsInterpreterTree, platformFromFacts, platformPreset, platformPresets, platformSource, type PlatformFacts } from "./platform.ts";
export { completePlatform, parseCompletePlatform, type CompletePlatform } from "./complete-platform.ts";
