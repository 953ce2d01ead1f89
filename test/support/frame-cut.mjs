/**
 * Stands where `ssh` stands, sees the frames of the agent's protocol in the clear (agent/PROTOCOL.md), and breaks the line at one of them.
 * usage: frame-cut.mjs PLAN SSH WORDS...     (PLAN: a JSON file; see frame-cut.ts)
 * An ssh that does not go to the planned host, or does not ask for an agent, is only passed on.
 */
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

const [planPath, ssh, ...words] = process.argv.slice(2);
const plan = JSON.parse(readFileSync(planPath, "utf8"));
const marker = /(?<=[' ])[0-9a-f]{32}(?=[' ])/.exec(words.at(-1))?.[0];
const ours = marker !== undefined && words[words.indexOf("--") + 1]?.endsWith(plan.name);
const child = spawn(ssh, words, { stdio: ours ? ["pipe", "pipe", "inherit"] : "inherit" });
// Its input may stay open: an ssh without a connection does not wait for it.
child.on("close", (status) => process.stdout.write("", () => process.exit(status ?? 255)));
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => child.kill(signal));
if (ours) {
  const seen = { toHost: 0, fromHost: 0, kinds: { toHost: [], fromHost: [] }, broken: false };
  const note = () => writeFileSync(`${planPath}.seen`, JSON.stringify(seen));
  note();
  child.stdin.on("error", () => undefined);
  process.stdout.on("error", () => undefined);
  void carry("toHost", process.stdin, child.stdin, frames(process.stdin), seen, note);
  void carry("fromHost", child.stdout, process.stdout, frames(child.stdout, marker), seen, note);
}

/** Pass frames on until the planned one; from then on nothing passes in either direction. */
async function carry(name, from, to, pieces, seen, note) {
  for await (const { bytes, kind } of pieces) {
    if (seen.broken) return;
    const counts = kind !== undefined && kind !== "beat";
    const planned = counts && plan.direction === name && seen[name] + 1 === plan.frame;
    if (planned && plan.half) await write(to, bytes.subarray(0, Math.ceil(bytes.length / 2)));
    else await write(to, bytes);
    if (counts) {
      seen[name]++;
      seen.kinds[name].push(kind);
      note();
    }
    if (!planned) continue;
    seen.broken = true;
    note();
    await wait(plan.grace);
    createConnection(plan.control).end(JSON.stringify(plan.how === "cut" ? { do: "cut" } : { do: "set", state: { silent: true } }));
    return;
  }
  if (!seen.broken) to.end();
}

function write(to, bytes) {
  return new Promise((resolve) => to.write(bytes, resolve));
}

/** A stream as frames with their raw bytes, each with its kind: the step of a request, `answer`, `beat`, `program`. With a marker, what stands before it is passed on as it comes, without a kind. */
async function* frames(stream, begin) {
  let waiting = Buffer.alloc(0);
  let begun = begin === undefined;
  for await (const chunk of stream) {
    waiting = Buffer.concat([waiting, chunk]);
    if (!begun) {
      const at = waiting.indexOf(`${begin}\n`);
      const length = at < 0 ? waiting.length : at + begin.length + 1;
      // A marker may come in two pieces.
      const passed = at < 0 ? Math.max(0, length - begin.length) : length;
      const want = at < 0 ? waiting.indexOf(`${begin} `) : -1;
      const free = want < 0 ? passed : waiting.indexOf("\n", want) + 1;
      if (free > 0) yield { bytes: waiting.subarray(0, free) };
      waiting = waiting.subarray(free);
      begun = at >= 0;
      if (!begun) continue;
    }
    for (;;) {
      if (waiting.length < 4) break;
      const header = 4 + waiting.readUInt32BE();
      if (waiting.length < header) break;
      const said = JSON.parse(waiting.subarray(4, header).toString("utf8"));
      const whole = header + (said.size ?? 0);
      if (waiting.length < whole) break;
      yield { bytes: waiting.subarray(0, whole), kind: said.step ?? ["answer", "program", "beat"].find((word) => word in said) ?? "other" };
      waiting = waiting.subarray(whole);
    }
  }
  if (waiting.length > 0) yield { bytes: waiting };
}
