import type { Package } from "../model/index.ts";
import type { Project } from "./project.ts";

/** A package that still says by names alone what it requires, in this workspace or not. */
export interface Draft extends Pick<Project, "requires" | "offers" | "sources"> {
  readonly pkg: Package;
}

/** Packages that know which of the others they need. */
export function connect(drafts: readonly Draft[]): readonly Package[] {
  const names = new Set(drafts.map(({ pkg }) => pkg.name));
  return drafts.map(({ pkg, requires }) => ({ ...pkg, needs: requires({ extras: pkg.extras, groups: pkg.groups ?? [] }).filter((name) => name !== pkg.name && names.has(name)) }));
}
