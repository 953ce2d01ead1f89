import { fail } from "./error.ts";

/** A package's name in PEP 503 normal form (lower case, runs of `-_.` are one `-`); also for files and turrets. */
export type PackageName = string & { readonly brand: "package" };

/** A stack's label or a version as it stands on a disk: `[A-Za-z0-9][A-Za-z0-9._+!~-]{0,127}`. */
export type Label = string & { readonly brand: "label" };

/** A stack by name and label, written `shop@124`. */
export interface StackRef {
  readonly name: PackageName;
  readonly label: Label;
}

const NAME = /^([A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9._-]{0,126}[A-Za-z0-9])$/;
const LABEL = /^[A-Za-z0-9][A-Za-z0-9._+!~-]{0,127}$/;

/** The PEP 503 normal form of a name that is known to be legal (a wheel's, a requirement's). */
export function normalizeName(text: string): PackageName {
  return text.toLowerCase().replaceAll(/[-_.]+/g, "-") as PackageName;
}

/** @throws CaissonError `name-invalid` */
export function parsePackageName(text: string): PackageName {
  if (NAME.test(text)) return normalizeName(text);
  return fail({ code: "name-invalid", message: `\`${text}\` is not a legal package name`, hint: "letters, digits and . _ - , starting and ending with a letter or digit" });
}

/** @throws CaissonError `name-invalid` */
export function parseLabel(text: string): Label {
  if (LABEL.test(text)) return text as Label;
  return fail({ code: "name-invalid", message: `\`${text}\` is not a legal stack name`, hint: "letters, digits and . _ + ! ~ - , starting with a letter or digit" });
}

/**
 * `shop@124`, or a bare `124` that means the workspace's own stack.
 * @throws CaissonError `name-invalid`
 */
export function parseStackRef(text: string, workspace: PackageName): StackRef {
  const at = text.indexOf("@");
  if (at < 0) return { name: workspace, label: parseLabel(text) };
  return { name: parsePackageName(text.slice(0, at)), label: parseLabel(text.slice(at + 1)) };
}

/** `shop@124`. */
export function printStackRef(ref: StackRef): string {
  return `${ref.name}@${ref.label}`;
}
