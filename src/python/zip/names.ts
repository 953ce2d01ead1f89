import { refuse } from "../wheel/refuse.ts";

/**
 * Refuse names that could lead out of a directory, that readers spell differently, or that need a file and a directory in one place.
 * @throws CaissonError `wheel-invalid` Z7 · Z13
 */
export function checkNames(members: readonly { readonly name: string; readonly directory: boolean }[]): void {
  const files = new Set<string>();
  const directories = new Set<string>();
  for (const member of members) {
    const path = member.directory ? member.name.slice(0, -1) : member.name;
    checkPath(path);
    (member.directory ? directories : files).add(path);
    addParents(path, directories);
  }
  for (const path of files) if (directories.has(path)) refuse("Z13", `\`${path}\` is both a file and a directory`);
}

function checkPath(path: string): void {
  const reason = pathFault(path);
  if (reason !== undefined) refuse("Z7", `the name ${JSON.stringify(path)} ${reason}`);
}

/** What is wrong with a relative path that somebody else wrote; undefined where it is a plain one. */
export function pathFault(path: string): string | undefined {
  if (path === "") return "is empty";
  if (path.startsWith("/")) return "is absolute";
  if (path.includes("\\")) return "has a backslash";
  if (DRIVE.test(path)) return "begins with a drive";
  if (CONTROL.test(path)) return "has a control character";
  if (path.includes("\ufffd")) return "has a replacement character";
  const segments = path.split("/");
  if (segments.includes("..")) return "leads upwards";
  if (segments.includes(".") || segments.includes("")) return "has an empty step";
  if (segments.some((segment) => Buffer.byteLength(segment) > LONGEST_SEGMENT)) return "is too long for a file system";
  return Buffer.byteLength(path) > LONGEST_PATH ? "is too long for a file system" : undefined;
}

const DRIVE = /^[A-Za-z]:/;
// eslint-disable-next-line no-control-regex -- they are what we look for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
const LONGEST_SEGMENT = 255;
const LONGEST_PATH = 3000;

function addParents(path: string, directories: Set<string>): void {
  for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
    const parent = path.slice(0, slash);
    if (directories.has(parent)) return;
    directories.add(parent);
  }
}

/** Pairs of paths that a file system without case would take for one; the first is the one met first. */
export function caseClashes(paths: readonly string[]): readonly (readonly [string, string])[] {
  const seen = new Map<string, string>();
  return paths.flatMap((path) => {
    const folded = path.toLowerCase().normalize("NFC");
    const other = seen.get(folded);
    if (other === undefined) seen.set(folded, path);
    return other === undefined || other === path ? [] : [[other, path] as const];
  });
}
