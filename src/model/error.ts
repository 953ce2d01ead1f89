/** Why something could not be done. Callers decide by it; people read the heading of the same name in `docs/errors.md`. */
export type ErrorCode =
  | "usage" | "config-invalid" | "package-unknown" | "platform-unknown" | "revision-unknown" | "source-changed" | "lock-missing" | "lock-stale" | "wheel-unfit" | "wheel-invalid"
  | "collision" | "requirements-broken" | "build-failed" | "blob-missing" | "digest-mismatch" | "ref-exists" | "ref-unknown" | "ref-moved" | "stack-frozen" | "stack-deployed"
  | "host-unreachable" | "host-key" | "host-unfit" | "host-busy" | "host-changed" | "unhealthy" | "hook-failed" | "disk-full" | "permission" | "unknown-state" | "cancelled"
  | "tree-changed" | "name-invalid" | "key-missing" | "target-unknown" | "format-unknown" | "interpreter-unfit" | "tool-missing" | "index-unreachable" | "bundle-invalid" | "archive-invalid" | "process-failed";

/** Something a user can cause or mend: what happened, where, and what to try. Paths are as the user would type them. */
export interface Problem {
  readonly code: ErrorCode;
  /** What happened, in one sentence without a period; names and paths in backticks. */
  readonly message: string;
  readonly file?: string;
  readonly line?: number;
  readonly key?: string;
  /** What to try: a command, or where to look. */
  readonly hint?: string;
  /** Why, in the words of whoever knows; several lines where they are several. */
  readonly cause?: string;
}

/** The only error we throw on purpose; `problems` holds one or, where a whole file was read, all of them. */
export class CaissonError extends Error {
  override readonly name = "CaissonError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly problems: readonly [Problem, ...Problem[]];

  constructor(problems: readonly [Problem, ...Problem[]], cause?: unknown) {
    super(problems[0].message, cause === undefined ? undefined : { cause });
    this.code = problems[0].code;
    this.hint = problems[0].hint;
    this.problems = problems;
  }
}

/** Problems that are told apart from where they were thrown: each with its own cause. What an error was caused by, the first of its problems was. */
export function problemsOf({ problems: [first, ...rest], cause }: CaissonError): readonly [Problem, ...Problem[]] {
  const why = [...(first.cause === undefined ? [] : [first.cause]), ...causesOf(cause)].join("\n");
  return [why === "" ? first : { ...first, cause: why }, ...rest];
}

/** The words of a cause, and of what caused it. */
function causesOf(cause: unknown): readonly string[] {
  if (cause instanceof Error) return [cause.message.trimEnd(), ...causesOf(cause.cause)];
  return cause === undefined ? [] : [typeof cause === "string" ? cause.trimEnd() : JSON.stringify(cause)];
}

/** @throws CaissonError always */
export function fail(problem: Problem, cause?: unknown): never {
  throw new CaissonError([problem], cause);
}

/** @throws CaissonError when there is a problem, with all of them */
export function failAll(problems: readonly Problem[]): void {
  const [first, ...rest] = problems;
  if (first !== undefined) throw new CaissonError([first, ...rest]);
}
