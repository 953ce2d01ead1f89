import type { Event } from "../index.ts";
import { printWarning } from "./print.ts";

/** Where lines about the work go. */
export interface Progress {
  readonly report: (event: Event) => void;
  /** A whole line, never torn by the live one. */
  readonly line: (text: string) => void;
  /** Take the live line away until the next event. */
  readonly pause: () => void;
  /** All steps are over. */
  readonly end: () => void;
}

interface Step {
  readonly began: number;
  detail: string;
  shown: boolean;
}

/** A step is worth a line of its own where nobody looks on once it has taken so long. */
const PATIENCE = 2000;
const REFRESH = 100;

/** One live line in a terminal; else a line, indented by two, for each step that takes longer than 2 s. */
export function createProgress(stream: NodeJS.WriteStream, color: boolean, printSize: (bytes: number) => string): Progress {
  const steps = new Map<string, Step>();
  const live = stream.isTTY;
  let drawn = false;
  let timer: NodeJS.Timeout | undefined;

  const clear = (): void => {
    if (drawn) stream.write("\r\u001b[K");
    drawn = false;
  };
  const line = (text: string): void => {
    clear();
    stream.write(`${text}\n`);
  };
  const refresh = (): void => {
    if (live) {
      clear();
      const text = [...steps].map(([what, { detail }]) => `${what}${detail}`).join(", ");
      if (text !== "") {
        stream.write(`  ${text}`.slice(0, Math.max(20, stream.columns - 1)));
        drawn = true;
      }
    } else {
      for (const [what, step] of steps) {
        if (step.shown || Date.now() - step.began < PATIENCE) continue;
        step.shown = true;
        line(`  ${what}${step.detail}`);
      }
    }
  };
  const watch = (): void => {
    if (steps.size > 0) timer ??= setInterval(refresh, live ? REFRESH : 500).unref();
    else {
      clearInterval(timer);
      timer = undefined;
      clear();
    }
  };

  return {
    line,
    pause: clear,
    end: () => {
      steps.clear();
      watch();
    },
    report: (event) => {
      const host = "host" in event && event.host !== undefined ? `${event.host}: ` : "";
      switch (event.type) {
        case "started":
          steps.set(host + event.what, { began: Date.now(), detail: "", shown: false });
          break;
        case "finished":
          steps.delete(host + event.what);
          break;
        case "progress": {
          const step = steps.get(host + event.what);
          const print = event.unit === "bytes" ? printSize : String;
          if (step !== undefined) step.detail = event.total === undefined ? ` ${print(event.done)}` : ` ${print(event.done)} of ${print(event.total)}`;
          break;
        }
        case "output":
          line(`${event.what} | ${event.line}`);
          break;
        case "notice":
          line(host + event.message);
          break;
        case "warning":
          line(host + printWarning(event.problem, color));
          break;
      }
      watch();
    },
  };
}
