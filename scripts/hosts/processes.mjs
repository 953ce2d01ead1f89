/** Processes of this machine, as /proc tells. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** The process of this number, or undefined when it is gone or a zombie. */
export function readProcess(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    return { pid, parent: Number(fields[1]), name: text.slice(text.indexOf("(") + 1, text.lastIndexOf(")")), started: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}

export function readProcesses() {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((name) => readProcess(Number(name))).filter((found) => found !== undefined);
}

/** Every process below these, whatever sessions or groups they made for themselves. */
export function descendants(pids, all = readProcesses()) {
  const children = all.filter(({ parent }) => pids.includes(parent));
  return children.length === 0 ? [] : [...children, ...descendants(children.map(({ pid }) => pid), all)];
}

/** Every process that carries this variable, `NAME=value`: also the ones that have left their parents. */
export function processesWith(variable) {
  return readProcesses().filter(({ pid }) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(variable);
    } catch {
      return false;
    }
  });
}

/** Every process that lives in the pid namespace of this one. */
export function processesBeside(pid) {
  const wanted = pidNamespace(pid);
  return wanted === undefined ? [] : readProcesses().filter((process) => pidNamespace(process.pid) === wanted);
}

function pidNamespace(pid) {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

/** Send a signal; one that is gone already is no matter. */
export function signalAll(processes, signal) {
  for (const { pid } of processes) {
    try {
      process.kill(pid, signal);
    } catch {
      // Gone.
    }
  }
}

/** A process as a word, `<pid>-<started>`: the same process and no later one of that number. */
export function processWord(pid = process.pid) {
  return `${pid}-${readProcess(pid)?.started ?? "0"}`;
}

/** Whether the process of such a word still runs; what follows in the word does not matter. */
export function isRunning(word) {
  const [pid, started] = word.split("-");
  return readProcess(Number(pid))?.started === started;
}
