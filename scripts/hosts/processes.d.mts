/** A process as /proc tells it. */
export interface RunningProcess {
  readonly pid: number;
  readonly parent: number;
  /** The name of its program, at most 15 bytes. */
  readonly name: string;
  /** Ticks since the machine started. */
  readonly started: string;
}
export function descendants(pids: readonly number[]): readonly RunningProcess[];
export function processesWith(variable: string): readonly RunningProcess[];
export function signalAll(processes: readonly { readonly pid: number }[], signal: NodeJS.Signals): void;
export function processWord(pid?: number): string;
export function isRunning(word: string): boolean;
