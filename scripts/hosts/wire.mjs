/** Starts a group's wire, and talks to it: see wire.py. */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { processWord } from "./processes.mjs";

/** Between the bridge and every host that is not behind a bastion. @returns the wire, as group.d.mts has it */
export async function startWire({ number, directory, hosts, state }) {
  const control = join(directory, "wire/control");
  mkdirSync(join(directory, "wire"));
  const child = spawn("python3", ["-I", join(import.meta.dirname, "wire.py"), control, String(number), ...hosts.map(({ name, place, net }) => `${name}=${place}:${net}`)], { stdio: ["ignore", "pipe", "inherit"], detached: true });
  child.unref();
  await new Promise((ready, failed) => {
    child.stdout.once("data", ready);
    child.once("error", failed);
    child.once("exit", () => failed(new Error("the wire of the hosts ended: it needs python3 and /dev/net/tun")));
  });
  child.stdout.destroy();
  // Where the group's end looks for processes.
  writeFileSync(join(directory, "wire/leader"), processWord(child.pid));
  const wire = wireAt(control);
  await wire.set(state);
  return wire;
}

function wireAt(control) {
  return {
    control,
    set: async (state, host) => void (await ask(control, { state, host })),
    count: async (host) => {
      const counts = await ask(control, {});
      return host === undefined ? counts : counts[host];
    },
    reset: async () => void (await ask(control, { reset: true })),
  };
}

async function ask(control, command) {
  const socket = createConnection(control);
  socket.write(JSON.stringify(command));
  let text = "";
  for await (const chunk of socket) text += chunk;
  return JSON.parse(text);
}
