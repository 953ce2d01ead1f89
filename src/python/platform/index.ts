/** Platforms that have a name, and what they are: what is known of them without a single wheel. */
export { needsInterpreterTree, platformFromFacts, platformPreset, platformPresets, type PlatformFacts } from "./platform.ts";
