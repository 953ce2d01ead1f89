import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { oraclePython } from "./python-oracle.ts";

/** What a turret sends: its status, or the result of one transaction. */
export interface TurretMessage {
  readonly turret?: string;
  readonly turret_name?: string;
  readonly status?: string;
  readonly uuid?: string;
  readonly cannons?: number;
  readonly scriptrun_time?: number;
  readonly error?: string;
}

/** An HQ with sockets of its own: PUB for commands, PULL for what turrets send. */
export interface Hq extends AsyncDisposable {
  /** What a turret's config.json says of it. */
  readonly config: { readonly hq_address: string; readonly hq_publisher: number; readonly hq_rc: number };
  /** Everything that came so far, in order. */
  readonly messages: readonly TurretMessage[];
  publish(command: "start" | "stop" | "kill" | "status_request"): void;
  /** The first message from the `after`th on that is so, which may be still to come; an error after two minutes, or as soon as `ended` says that nothing more will come. */
  until(wanted: (message: TurretMessage) => boolean, options?: { readonly after?: number; readonly ended?: Promise<unknown> }): Promise<TurretMessage>;
}

/** Two ports that nobody listens on. */
export async function freePorts(): Promise<readonly [string, string]> {
  const servers = [createServer(), createServer()] as const;
  for (const server of servers) await once(server.listen(0, "127.0.0.1"), "listening");
  const [first, second] = servers.map((server) => String((server.address() as AddressInfo).port));
  for (const server of servers) server.close();
  return [first ?? "", second ?? ""];
}

/** The words that run the program. */
export function hqCommand(): readonly [string, ...string[]] {
  return [oraclePython("zmq", ["pyzmq==27.3.0"]), "-I", join(import.meta.dirname, "oct-hq.py")];
}

export async function startHq(address = "127.0.0.1"): Promise<Hq> {
  const [program, ...words] = hqCommand();
  const child = spawn(program, [...words, address], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const [first] = (await once(lines, "line")) as [string];
  const messages: TurretMessage[] = [];
  lines.on("line", (line) => messages.push(JSON.parse(line) as TurretMessage));
  return {
    config: { hq_address: address, ...(JSON.parse(first) as { readonly hq_publisher: number; readonly hq_rc: number }) },
    messages,
    publish: (command) => void child.stdin.write(`${command}\n`),
    until: async (wanted, { after = 0, ended } = {}) => {
      const over: unknown[] = [];
      ended?.then((how) => over.push(how), (error: unknown) => over.push(error));
      for (const end = Date.now() + 120_000; Date.now() < end && over.length === 0; await sleep(20)) {
        const found = messages.slice(after).find(wanted);
        if (found !== undefined) return found;
      }
      throw new Error(`no such message; these came: ${JSON.stringify(messages)}`, { cause: over[0] });
    },
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, "exit");
      child.stdin.end();
      await ended;
    },
  };
}
