import type { Label, Problem } from "../../model/index.ts";
import type { Answer } from "../../transport/index.ts";

/** What starts and stops processes where the caller is the service manager. */
export interface Starter {
  /** Start the processes of a release, after those of another have ended. */
  restart(release: Label): Promise<Answer>;
  /** Settles when a process ends by itself. */
  readonly failed: Promise<Problem>;
  /** End what was started. */
  stop(): Promise<void>;
}
