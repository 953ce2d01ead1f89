/**
 * A line to a host that is slow, breaks, or goes silent: a relay between ssh and sshd, for hosts of every kind.
 *
 *     await using hosts = await startHosts({ count: 2 });
 *     await using line = await openLine(hosts, "h1", { roundTrip: 50, rate: 10_000 });
 *     await line.silence();  ...  await line.mend();
 *     await line.set({ cutAfter: { direction: "fromHost", bytes: 4000 } });
 *
 * From then on `ssh h1` goes through it; disposing of the line makes the way direct again for connections to come.
 * It counts bytes as TCP carries them, ssh's own included, and not TCP's headers. ssh says itself about 1.6 kB to the host and 2.5 kB back before a command starts.
 * For cuts at frames of the agent's protocol: `cutAtFrame` of frame-cut.ts. A line's own buffers are its only model of TCP: windows and slow start are not slowed by its delay.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { Hosts } from "./host.ts";

export type LineDirection = "toHost" | "fromHost";

export interface LineState {
  /** Milliseconds there and back, half of it in each direction; opening a connection costs one and a half ways before sshd hears of it. */
  readonly roundTrip?: number;
  /** Bytes per second in each direction; 0: as fast as it goes. */
  readonly rate?: number;
  /** Every connection is reset once so many bytes more have passed. Then it forgets this. */
  readonly cutAfter?: { readonly direction: LineDirection; readonly bytes: number };
  /** The lowest bit of this byte arrives inverted, 0 being the next one. Then it forgets this. */
  readonly flipAt?: { readonly direction: LineDirection; readonly byte: number };
}

export interface Traffic {
  /** Bytes that have arrived. */
  readonly toHost: number;
  readonly fromHost: number;
  readonly connections: number;
  /** How often the near side spoke after the far side had, and the first time: round trips, as far as one can tell from outside. */
  readonly turns: number;
}

export interface Line extends AsyncDisposable {
  /** Change it, for connections that are open too; what is not named stays. */
  readonly set: (state: LineState) => Promise<void>;
  /** Reset every connection; the next one passes. */
  readonly cut: () => Promise<void>;
  /** Nothing arrives any more, and nobody is told; connections stay open, and new ones are taken and left without an answer. */
  readonly silence: () => Promise<void>;
  /** End the silence: what was sent meanwhile arrives. */
  readonly mend: () => Promise<void>;
  readonly traffic: () => Promise<Traffic>;
  /** Takes commands from other programs: see line-relay.mjs. */
  readonly control: string;
}

export async function openLine(hosts: Hosts, name: string, state: LineState = {}): Promise<Line> {
  const { address, port } = hosts.way(name);
  const control = join(hosts.files.directory, `${name}-${lines++}.line`);
  const relay = fork(join(import.meta.dirname, "line-relay.mjs"), [address, String(port), control], { execArgv: [] });
  const [message] = await once(relay, "message") as [{ readonly port: number }];
  const ask = async (command: object): Promise<Traffic> => JSON.parse(await askControl(control, command)) as Traffic;
  await ask({ do: "set", state });
  hosts.reroute(name, { address: "127.0.0.1", port: message.port });
  return {
    control,
    set: async (next) => void await ask({ do: "set", state: next }),
    cut: async () => void await ask({ do: "cut" }),
    silence: async () => void await ask({ do: "set", state: { silent: true } }),
    mend: async () => void await ask({ do: "set", state: { silent: false } }),
    traffic: () => ask({ do: "count" }),
    [Symbol.asyncDispose]: async () => {
      hosts.reroute(name);
      const ended = once(relay, "exit");
      relay.disconnect();
      await ended;
      rmSync(control, { force: true });
    },
  };
}

let lines = 0;

async function askControl(control: string, command: object): Promise<string> {
  const socket = createConnection(control);
  socket.write(JSON.stringify(command));
  return text(socket);
}
