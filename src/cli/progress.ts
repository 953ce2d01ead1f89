import { performance } from "node:perf_hooks";
import type { Event } from "../index.ts";
import { watchFleet, type Fleet } from "./fleet.ts";
import { printWarning } from "./print.ts";
import { createMeter, type Meter } from "./rate.ts";

/** Where lines about the work go. */
export interface Progress {
  readonly report: (event: Event) => void;
  /** A whole line, never torn by the live ones. */
  readonly line: (text: string) => void;
  /** Take the live lines away until the next event. */
  readonly pause: () => void;
  /** All steps are over. */
  readonly end: () => void;
}

/** How sizes and many names are written. */
export interface Words {
  readonly printSize: (bytes: number) => string;
  readonly foldNames: (names: readonly string[]) => string;
}

interface Step {
  /** Whose it is. */
  readonly host: string | undefined;
  readonly what: string;
  readonly began: number;
  readonly meter: Meter;
  /** `1.9 MB of 12 MB`; empty where nothing is known. */
  detail: string;
  /** What is counted are bytes. */
  bytes: boolean;
  shown: boolean;
}

/** A step is worth a line of its own where nobody looks on once it has taken so long. */
const PATIENCE = 2000;
const REFRESH = 100;

/** Of more hosts than this, nobody wants a line for each where nobody looks on. */
const FEW = 8;

/** Live lines in a terminal; else a line, indented by two, for each step that takes longer than 2 s, and for many hosts how they stand. */
export function createProgress(stream: NodeJS.WriteStream, color: boolean, words: Words): Progress {
  const steps = new Map<string, Step>();
  const live = stream.isTTY;
  let fleet: Fleet | undefined;
  let many = false;
  let said = { text: "", at: 0 };
  let told = 0;
  let drawn = 0;
  let timer: NodeJS.Timeout | undefined;

  const clear = (): void => {
    if (drawn > 0) stream.write(`\r${drawn > 1 ? `\u001b[${drawn - 1}A` : ""}\u001b[J`);
    drawn = 0;
  };
  const line = (text: string): void => {
    clear();
    stream.write(`${text}\n`);
  };
  const draw = (): void => {
    clear();
    const rest = describe([...steps.values()]).join(", ");
    const lines = [...(fleet === undefined ? [] : [fleet.title, ...fleet.lines(performance.now(), Math.max(3, (stream.rows || 24) - 4)).map((text) => `  ${text}`)]), ...(rest === "" ? [] : [rest])];
    const width = Math.max(20, (stream.columns || 80) - 1);
    stream.write(lines.map((text) => `  ${text}`.slice(0, width)).join("\n"));
    drawn = lines.length;
  };
  const say = (now: number): void => {
    const slow = steps.size > FEW && now - told < PATIENCE ? [] : [...steps.values()].filter((step) => !step.shown && now - step.began >= PATIENCE);
    if (slow.length > 0) told = now;
    for (const text of describe(slow)) line(`  ${text}`);
    for (const step of slow) step.shown = true;
    if (!many || fleet === undefined || now - said.at < PATIENCE || fleet.summary === said.text) return;
    said = { text: fleet.summary, at: now };
    line(`  ${fleet.title}: ${said.text}`);
  };
  const watch = (): void => {
    if (steps.size > 0 || fleet !== undefined) timer ??= setInterval(() => (live ? draw() : say(performance.now())), live ? REFRESH : 500).unref();
    else {
      clearInterval(timer);
      timer = undefined;
      clear();
    }
  };
  const begin = (host: string | undefined, what: string): void => {
    const began = performance.now();
    steps.set(`${host}: ${what}`, { host, what, began, meter: createMeter(began), detail: "", bytes: false, shown: false });
  };
  /** How far a step is: what was counted and how fast it goes; in a terminal, of one where nothing is counted, since when. */
  const standing = ({ detail, bytes, meter, began }: Step): string => {
    const now = performance.now();
    const rate = bytes ? meter.rate(now) : undefined;
    if (detail !== "") return ` ${detail}${rate === undefined ? "" : `, ${words.printSize(rate)}/s`}`;
    return live && now - began >= PATIENCE ? ` ${Math.floor((now - began) / 1000)} s` : "";
  };
  /** Many hosts that are at the same have one line. */
  const describe = (found: readonly Step[]): readonly string[] => {
    const groups = new Map<string, readonly Step[]>();
    for (const step of found) groups.set(step.what, [...(groups.get(step.what) ?? []), step]);
    return [...groups].flatMap(([what, group]) => (group.length > FEW ? [`${words.foldNames(group.flatMap(({ host }) => host ?? []))}: ${what}`] : group.map((step) => `${step.host === undefined ? "" : `${step.host}: `}${what}${standing(step)}`)));
  };

  function follow(event: Event): void {
    const host = "host" in event && event.host !== undefined ? `${event.host}: ` : "";
    switch (event.type) {
      case "rollout":
        // One host is told of step by step.
        if (event.hosts.length > 1) fleet = watchFleet(event, performance.now(), words);
        many = event.hosts.length > FEW;
        said = { text: "", at: performance.now() };
        break;
      case "started":
        begin(event.host, event.what);
        break;
      case "finished":
        steps.delete(`${event.host}: ${event.what}`);
        break;
      case "step":
        // Reaching a host is the one step that is not part of another.
        if (event.step === "connect" && event.result === "begun") begin(event.host, "connect");
        else if (event.step === "connect") steps.delete(`${event.host}: connect`);
        break;
      case "progress": {
        const step = steps.get(`${event.host}: ${event.what}`);
        if (step === undefined) break;
        const print = event.unit === "bytes" ? words.printSize : String;
        step.detail = event.total === undefined ? print(event.done) : `${print(event.done)} of ${print(event.total)}`;
        step.bytes = event.unit === "bytes";
        step.meter.note(event.done, performance.now());
        break;
      }
      case "output":
        line(`${host}${event.what} | ${event.line}`);
        break;
      case "notice":
        line(host + event.message);
        break;
      case "warning":
        line(host + printWarning(event.problem, color));
        break;
      default:
    }
  }

  return {
    line,
    pause: clear,
    end: () => {
      steps.clear();
      fleet = undefined;
      watch();
    },
    report: (event) => {
      const mine = fleet?.follow(event, performance.now()) === true;
      // In a terminal, and of many hosts, each host's own steps are in its line.
      if (!mine || (!live && !many)) follow(event);
      if (mine && many && !live && event.type === "host" && event.problem !== undefined && event.problem.code !== "cancelled") line(`  ${event.host}: ${event.outcome}: ${event.problem.message}`);
      watch();
    },
  };
}
