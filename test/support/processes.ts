import { readdirSync, readFileSync } from "node:fs";

/** A process as /proc tells it. */
export interface RunningProcess {
  readonly pid: number;
  readonly parent: number;
  /** The name of its program, at most 15 bytes. */
  readonly name: string;
  /** Ticks since the machine started: with the pid, the same process and no later one. */
  readonly started: string;
}

/** The process of this number, or undefined when it is gone or a zombie. */
export function readProcess(pid: number): RunningProcess | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    return { pid, parent: Number(fields[1]), name: text.slice(text.indexOf("(") + 1, text.lastIndexOf(")")), started: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}

export function readProcesses(): readonly RunningProcess[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((name) => readProcess(Number(name))).filter((found) => found !== undefined);
}

/** Every process below these, whatever sessions or groups they made for themselves. */
export function descendants(pids: readonly number[], all: readonly RunningProcess[] = readProcesses()): readonly RunningProcess[] {
  const children = all.filter(({ parent }) => pids.includes(parent));
  return children.length === 0 ? [] : [...children, ...descendants(children.map(({ pid }) => pid), all)];
}

/** Every process that carries this variable, `NAME=value`: also the ones that have left their parents. */
export function processesWith(variable: string): readonly RunningProcess[] {
  return readProcesses().filter(({ pid }) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(variable);
    } catch {
      return false;
    }
  });
}

/** Send a signal; one that is gone already is no matter. */
export function signalAll(processes: readonly { readonly pid: number }[], signal: NodeJS.Signals): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, signal);
    } catch {
      // Gone.
    }
  }
}

/** This process as a word, `<pid>-<started>`: what a record of its belongings is named after. */
export function ownWord(): string {
  return `${process.pid}-${readProcess(process.pid)?.started ?? "0"}`;
}

/** Whether the process of such a word still runs. */
export function isRunning(word: string): boolean {
  const [pid, started] = word.split("-");
  return readProcess(Number(pid))?.started === started;
}
