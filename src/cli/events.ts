import { randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";
import type { Event, HostResult } from "../index.ts";

/** The last event of a command that changes hosts. */
export interface ResultEvent {
  readonly type: "result";
  readonly action: string;
  readonly ref?: string;
  readonly target: string;
  readonly hosts: readonly HostResult[];
  readonly status: number;
}

/** The last event where there is no result. */
export interface ErrorEvent {
  readonly type: "error";
  readonly status: number;
  readonly problems: readonly unknown[];
}

/** What programs read with `--json`, one in a line: events of the library, and the result. */
export type StreamedEvent = Event | ResultEvent | ErrorEvent | Readonly<Record<string, unknown>>;

/** The version of docs/reference/events.schema.json: the second number grows when something is added, the first when something changes its meaning. */
export const EVENTS_VERSION = "1.1";

/**
 * Writes events as NDJSON. Before the first one goes `{"type":"version","schema":"1.1"}`; each has the run's word, its number in the run, milliseconds since the run began (never going back), and the time of day.
 */
export function streamEvents(write: (line: string) => void): (event: StreamedEvent) => void {
  const run = randomBytes(6).toString("hex");
  const began = performance.now();
  let seq = 0;
  return (event) => {
    if (seq === 0) write(JSON.stringify({ type: "version", schema: EVENTS_VERSION }));
    const { type, ...rest } = event;
    write(JSON.stringify({ type, run, seq: ++seq, ms: Math.round(performance.now() - began), time: new Date().toISOString(), ...rest }));
  };
}
