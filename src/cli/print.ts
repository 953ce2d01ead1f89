import type { CaissonError, ErrorCode, Problem } from "../index.ts";
import type { ExitStatus } from "./command.ts";

/** Wrong on the command line itself; a wrong file is 1. */
const USAGE: ReadonlySet<ErrorCode> = new Set(["usage", "name-invalid", "format-unknown", "platform-unknown", "target-unknown", "package-unknown"]);

/** The exit status that an error leaves. */
export function exitStatusOf(error: unknown): ExitStatus {
  if (isSystemError(error)) return 1;
  if (!isCaissonError(error)) return 70;
  if (error.code === "unknown-state") return 5;
  return USAGE.has(error.code) ? 2 : 1;
}

/** An error as lines for stderr: every problem, then what caused it; hints last, each once. Problems that have causes of their own are told one by one. What an OCT project lacks is told in the original's own words, by row O4. */
export function printError(error: unknown, color: boolean): string {
  const red = (text: string): string => (color ? `\u001b[31m${text}\u001b[39m` : text);
  if (isSystemError(error)) return `${red("error:")} ${refusal(error)}\nhint: ${wayOut(error)}`;
  if (!isCaissonError(error)) return `${red("bug:")} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\nhint: this is our mistake; please report it with the lines above`;
  const tell = (problem: Problem): string => (problem.code === "key-missing" ? `${red("Error:")} ${visible(problem.message)}` : `${red("error:")} ${visible(place(problem) + problem.message)}`);
  const isApart = error.problems.some(({ cause }) => cause !== undefined);
  const lines = error.problems.flatMap((problem) => [tell(problem), ...(isApart ? [...causeLines(problem.cause), ...hintOf(problem)] : [])]);
  lines.push(...causeLines(error.cause), ...(isApart ? [] : new Set(error.problems.flatMap(hintOf))));
  return lines.join("\n");
}

/** The same for programs. What the system refused has the system's own code, a bug of ours `bug`. */
export function describeError(error: unknown, problemsOf: (error: CaissonError) => readonly Problem[]): readonly (Omit<Problem, "code"> & { readonly code: string })[] {
  if (isCaissonError(error)) return problemsOf(error);
  if (isSystemError(error)) return [{ code: error.code, message: refusal(error), hint: wayOut(error) }];
  return [{ code: "bug", message: error instanceof Error ? error.message : String(error) }];
}

/** A problem that does not end the work. */
export function printWarning(problem: Problem, color: boolean): string {
  const yellow = color ? "\u001b[33mwarning:\u001b[39m" : "warning:";
  return `${yellow} ${[visible(place(problem) + problem.message), ...hintOf(problem)].join("\n")}`;
}

/** `caisson.toml:12: ` before a message, where the place is known. */
function place({ file, line }: Problem): string {
  if (file === undefined) return "";
  return line === undefined ? `${file}: ` : `${file}:${line}: `;
}

function hintOf({ hint }: Problem): readonly string[] {
  return hint === undefined ? [] : [`hint: ${visible(hint)}`];
}

/** A name may hold what moves the cursor of a terminal, or ends a line. */
function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return text.replaceAll(/[\u0000-\u0008\u000A-\u001F\u007F-\u009F]/g, (found) => `\\x${found.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** What caused an error, and what caused that. */
function causeLines(cause: unknown): readonly string[] {
  if (cause === undefined) return [];
  const text = cause instanceof Error ? cause.message : typeof cause === "string" ? cause : JSON.stringify(cause);
  return [`  caused by: ${text.trimEnd().split("\n").map(visible).join("\n    ")}`, ...causeLines(cause instanceof Error ? cause.cause : undefined)];
}

/** By name, not by class: this room does not load the library before a command runs. */
function isCaissonError(error: unknown): error is CaissonError {
  return error instanceof Error && error.name === "CaissonError" && "problems" in error;
}

/** The kernel said no, and nobody had better words for it. */
interface SystemError extends Error {
  readonly syscall: string;
  readonly code: string;
  readonly path?: string;
}

function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && "syscall" in error && typeof error.syscall === "string" && "code" in error && typeof error.code === "string";
}

function wayOut({ syscall, code, path }: SystemError): string {
  if (syscall === "uv_cwd") return "go to a directory that exists";
  if (code === "EACCES" || code === "EPERM") return `look at its owner and mode: ls -ld ${path ?? "it"}`;
  if (code === "ELOOP") return `its links lead in a circle: ls -l ${path ?? "it"}`;
  if (code === "ENOSPC") return "make room where it writes: temporary files lie in TMPDIR or /tmp, the rest in the store";
  return "look at what is there; where nothing is wrong with it, this is our mistake, and worth a report";
}

/** Of `ENOENT: no such file or directory, open '/x'`: cannot open `/x`: no such file or directory. */
function refusal({ syscall, code, path, message }: SystemError): string {
  if (syscall === "uv_cwd") return "the directory that this was called in is no longer there";
  const reason = /^[A-Z0-9]+: ([^,]+)/.exec(message)?.[1] ?? code;
  return `cannot ${syscall}${path === undefined ? "" : ` \`${path}\``}: ${reason}`;
}
