import { parse } from "smol-toml";

/** What a project needs to be built that says nothing of it: setuptools, as before there was pyproject.toml. */
export const USUAL_REQUIRES: readonly string[] = ["setuptools>=40.8.0"];

/** What a pyproject.toml says that its back end needs. */
export function requiresOf(text: string | undefined): readonly string[] {
  try {
    const { "build-system": buildSystem } = parse(text ?? "") as { readonly "build-system"?: { readonly requires?: unknown } };
    const requires = buildSystem?.requires;
    return Array.isArray(requires) ? requires.filter((each): each is string => typeof each === "string") : USUAL_REQUIRES;
  } catch {
    return USUAL_REQUIRES;
  }
}
