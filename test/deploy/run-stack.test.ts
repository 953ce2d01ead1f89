import { createServer } from "node:net";
import { existsSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { prepareRollback } from "../../src/deploy/rollback.ts";
import { runStack, type Running } from "../../src/deploy/run/run-stack.ts";
import type { Wanted } from "../../src/deploy/wanted.ts";
import type { Process } from "../../src/model/index.ts";
import { makeStack, openWorkbench, type HandMade, type Workbench } from "../support/hand-made.ts";

let bench: Workbench;
let root: string;
let port: number;
beforeEach(async () => {
  bench = await openWorkbench();
  root = join(bench.directory, "up");
  port = await freePort();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

function process(name: string, ...argv: readonly string[]): Process {
  return { name, argv, environment: {}, requires: [] };
}

/** A web server that serves its own version, and says when it starts. */
function web(version: string, more: Partial<HandMade> = {}): HandMade {
  return {
    version,
    files: { "bin/serve": `#!/bin/sh\necho "serving ${version}"\ncd "$CAISSON_RELEASE/hello/www" && exec python3 -m http.server --bind 127.0.0.1 "$1"\n`, "www/version.txt": version },
    processes: [process("web", "serve", "$PORT")],
    health: { url: `http://127.0.0.1:${port}/version.txt` },
    ...more,
  };
}

async function run(made: HandMade): Promise<Running> {
  return await runAgain(await makeStack(bench.store, made));
}

async function runAgain(wanted: Wanted): Promise<Running> {
  return await runStack({ ...bench.ctx, env: { ...bench.ctx.env, PORT: String(port) } }, bench.store, root, async () => wanted);
}

async function served(): Promise<string | undefined> {
  return await fetch(`http://127.0.0.1:${port}/version.txt`).then((answer) => answer.text(), () => undefined);
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(50);
}

function current(): string | undefined {
  return existsSync(join(root, "versions/current")) ? readlinkSync(join(root, "versions/current")) : undefined;
}

function output(): readonly string[] {
  return bench.events.flatMap((event) => (event.type === "output" ? [`${event.what} | ${event.line}`] : []));
}

it("starts the processes of a release, and ends when it is asked to", async () => {
  const running = await run(web("1.0"));
  expect(running).toMatchObject({ result: { outcome: "done", from: null, now: "1.0" }, processes: ["web"], addresses: [`http://127.0.0.1:${port}/version.txt`], keptBytes: 0 });
  expect(await served()).toBe("1.0");
  expect(output()).toContain("web | serving 1.0");
  const ended = running.supervise();
  bench.stop();
  expect(await ended).toBeUndefined();
  expect(await served()).toBeUndefined();
});

it("starts what is current already when nothing has changed", async () => {
  const wanted = await makeStack(bench.store, web("1.0"));
  await (await runAgain(wanted))[Symbol.asyncDispose]();
  expect(await served()).toBeUndefined();
  await using again = await runAgain(wanted);
  expect(again.result.outcome).toBe("unchanged");
  expect(await served()).toBe("1.0");
});

it("goes back when a process ends before the release is well, and says what it said last", async () => {
  await (await run(web("1.0")))[Symbol.asyncDispose]();
  await using running = await run(web("1.1", { files: { "bin/serve": "#!/bin/sh\necho \"No module named 'foo'\" >&2\nexit 7\n" } }));
  expect(running.result).toMatchObject({ outcome: "undone", from: "1.0", now: "1.0", problem: { code: "process-failed", message: "process `web` ended with status 7; last log: No module named 'foo'" } });
  expect(current()).toBe("1.0");
  expect(running.processes).toEqual([]);
});

it("is not deceived by somebody else's answer at its address", async () => {
  const server = createServer((socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).listen(port, "127.0.0.1");
  try {
    await using running = await run(web("1.0", { processes: [process("idle", "sleep", "1000")] }));
    expect(running.result).toMatchObject({ outcome: "undone", problem: { code: "unhealthy", message: `http://127.0.0.1:${port}/version.txt is answered by a process that was not started here; its port is taken` } });
  } finally {
    server.close();
  }
});

it("believes in processes that live for a second where no health is defined, and in no others", async () => {
  await using good = await run({ version: "1.0", files: { "etc/x": "x" }, processes: [process("idle", "sleep", "1000")] });
  expect(good.result.outcome).toBe("done");
  await good[Symbol.asyncDispose]();
  await using bad = await run({ version: "1.1", files: { "etc/x": "y" }, processes: [process("idle", "sleep", "0.2")] });
  expect(bad.result).toMatchObject({ outcome: "undone", problem: { message: "process `idle` ended with status 0" } });
});

it("says which variable a process needs, and switches back", async () => {
  await using running = await run({ version: "1.0", files: { "etc/x": "x" }, processes: [{ name: "engine", argv: ["sleep", "$SECONDS_TO_LIVE"], environment: {}, requires: ["ENGINE_NAME", "SECONDS_TO_LIVE"] }] });
  expect(running.result).toMatchObject({ outcome: "undone", problem: { code: "process-failed", message: "set ENGINE_NAME and SECONDS_TO_LIVE (process `engine` needs ENGINE_NAME and SECONDS_TO_LIVE)" } });
});

it("reports a process that ends by itself, and stops the others", async () => {
  const flag = join(bench.directory, "end");
  const other = `while ! test -e '${flag}'; do sleep 0.1; done; echo giving up; exit 4`;
  const running = await run(web("1.0", { processes: [process("web", "serve", "$PORT"), process("worker", "/bin/sh", "-c", other)] }));
  const ended = running.supervise();
  writeFileSync(flag, "");
  expect(await ended).toEqual({ code: "process-failed", message: "process `worker` ended with status 4; last log: giving up" });
  expect(await served()).toBeUndefined();
});

it("starts the release that somebody else makes current", async () => {
  await (await run(web("1.0")))[Symbol.asyncDispose]();
  const running = await run(web("1.1"));
  expect(await served()).toBe("1.1");
  const ended = running.supervise();
  const target = { name: "up", hosts: [{ name: "local", via: "local", address: "", root } as const], roles: {}, service: { kind: "none" } as const, policy: { canary: 0, maxParallel: 1, maxFailed: 0, minHealthy: 0, healthyDeadline: 5 }, keep: 5 };
  await using change = await prepareRollback(bench.ctx, bench.store, target);
  expect(await change.apply()).toMatchObject([{ outcome: "done", now: "1.0" }]);
  await until(async () => (await served()) === "1.0");
  expect(bench.events).toContainEqual({ type: "notice", message: "1.0 is current now (was: 1.1); starting it" });
  bench.stop();
  expect(await ended).toBeUndefined();
});

it("refuses a second one in the same place, naming the first, and takes the place of a dead one", async () => {
  await using running = await run(web("1.0"));
  await expect(run(web("1.1"))).rejects.toMatchObject({ code: "host-busy", message: `\`caisson up\` runs here already, as process ${globalThis.process.pid}` });
  await running[Symbol.asyncDispose]();
  writeFileSync(join(root, ".up.json"), JSON.stringify({ pid: globalThis.process.pid, born: "1" }));
  await using next = await run(web("1.2"));
  expect(next.result.outcome).toBe("done");
  expect(JSON.parse(readFileSync(join(root, ".up.json"), "utf8"))).toMatchObject({ pid: globalThis.process.pid });
});
