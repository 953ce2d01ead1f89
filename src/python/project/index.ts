/** What projects say of themselves in files of the Python standards: what needs nothing else of this room. */
export { expandGroups, groupNames, type GroupsOwner } from "./groups.ts";
export { readScriptHeader, type ScriptHeader } from "./script.ts";
export { parseToml } from "./toml.ts";
export { chooseUvSource, readUvIndexes, readUvSources, readUvTexts, uvSourceUrl, type UvSource } from "./uv-sources.ts";
