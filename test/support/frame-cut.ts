/**
 * A line that breaks at a frame of the agent's protocol.
 *
 *     await using line = await openLine(hosts, "h1");
 *     const counted = planFrameCut(hosts, "h1", line);                                       // breaks nowhere, counts
 *     runCaisson([...], { env: counted.env });  const { toHost, fromHost } = counted.seen();
 *     const cut = planFrameCut(hosts, "h1", line, { direction: "toHost", frame: 3 });         // the third arrives, and nothing after it
 *     runCaisson([...], { env: cut.env });      expect(cut.seen().broken).toBe(true);
 *
 * A program stands where ssh stands and counts frames in the clear, heartbeats left out; at the planned one it holds everything back and tells the line to break.
 */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Hosts } from "./host.ts";
import type { Line, LineDirection } from "./line.ts";

export interface FrameCutPlan {
  readonly direction: LineDirection;
  /** The last one to arrive, from 1. */
  readonly frame: number;
  /** Only its first half arrives. */
  readonly half?: boolean;
  /** Connections are reset, or the line goes silent until `line.mend()`. `cut` unless said otherwise. */
  readonly how?: "cut" | "silence";
  /** Milliseconds from the frame to the break, in which its effects begin; 20 unless said otherwise. */
  readonly grace?: number;
}

export interface FrameCut {
  /** What the command is run with. */
  readonly env: Readonly<Record<string, string>>;
  /** What has passed in the last conversation: how many frames, of which kinds (steps' names; `answer`, `program`), and whether it was broken. */
  readonly seen: () => { readonly toHost: number; readonly fromHost: number; readonly kinds: Readonly<Record<LineDirection, readonly string[]>>; readonly broken: boolean };
}

export function planFrameCut(hosts: Hosts, name: string, line: Line, plan?: FrameCutPlan): FrameCut {
  const directory = mkdtempSync(join(hosts.files.directory, "frame-cut-"));
  const path = join(directory, "plan");
  writeFileSync(path, JSON.stringify({ half: false, how: "cut", grace: 20, ...plan, name, control: line.control }));
  const bin = join(directory, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "ssh"), `#!/bin/sh\nexec '${process.execPath}' '${join(import.meta.dirname, "frame-cut.mjs")}' '${path}' '${join(hosts.files.bin, "ssh")}' "$@"\n`, { mode: 0o755 });
  return {
    env: { ...hosts.env, PATH: `${bin}${delimiter}${hosts.env["PATH"] ?? ""}` },
    seen: () => JSON.parse(readFileSync(`${path}.seen`, "utf8")) as ReturnType<FrameCut["seen"]>,
  };
}
