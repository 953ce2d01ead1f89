import type { Label, PackageName } from "../model/index.ts";

/** A process that runs on a host. Where no service manager is asked, `release` and `pid` are all that is known. */
export interface RunningProcess {
  /** The release that it runs from; null where nobody can see. */
  readonly release: Label | null;
  readonly pid: number | null;
  readonly package?: PackageName;
  readonly process?: string;
  readonly unit?: string;
  /** systemd's ActiveState: `active`, `activating`, `failed`, ... */
  readonly state?: string;
  /** How often it was started again by itself. */
  readonly restarts?: number;
}

/** What runs on a host at one moment. */
export interface Running {
  readonly processes: readonly RunningProcess[];
  /** Units that are not as the current release wants them. */
  readonly drift: readonly string[];
}

/** Whose words are wanted, and how many of the last lines (1000 at most), or all behind the cursor of an earlier answer. */
export interface LogRequest {
  readonly lines: number;
  /** A process, a package, or `package:process`; all where absent. */
  readonly process?: string;
  readonly after?: string;
}

/** A line that a process has said; `time` in seconds since 1970, where it is known. `process` is `systemd` for what that said of it. */
export interface LogLine {
  readonly text: string;
  readonly time?: number;
  readonly package?: PackageName;
  readonly process?: string;
}

/** Lines, oldest first, and where they end. */
export interface Log {
  readonly lines: readonly LogLine[];
  readonly cursor: string | null;
}
