import { spawn, type ChildProcess } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, renameSync, rmdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { digestHex, type Health, type Label, type Service, type Step } from "../../src/model/index.ts";
import { launcherText } from "../../src/python/index.ts";
import { run } from "../../src/system/index.ts";
import { activation, askAll, context, file, install, makeHost, payload, pythonPayload, stack, stage, tree, type Blob, type MadeTree } from "./host.ts";

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

function check(health: Health, over: { readonly minHealthy?: number; readonly deadline?: number } = {}): Step {
  return { step: "check", release: "1" as Label, package: "config" as never, health, minHealthy: 0, deadline: 1, ...over };
}

async function serve(answer: (asked: number) => number): Promise<string> {
  let asked = 0;
  const server: Server = createServer((_, response) => response.writeHead(answer(++asked)).end());
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  closing.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/health`;
}

function background(cwd: string, program: string, ...words: readonly string[]): ChildProcess {
  const child = spawn(program, words, { cwd, stdio: "ignore" });
  closing.push(() => child.kill("SIGKILL"));
  return child;
}

it("finds a release healthy that answers 200 to 399", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  await install(agent, stack("1"));
  for (const status of [200, 204, 302]) expect(await agent.ask(check({ url: await serve(() => status) }))).toMatchObject({ done: true, changed: false, facts: { verified: false } });
  expect(await agent.ask(check({}))).toMatchObject({ done: true });
});

it("says how a release is unhealthy", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  await install(agent, stack("1"));
  const url = await serve(() => 503);
  expect(await agent.ask(check({ url }))).toMatchObject({ done: false, code: "unhealthy", detail: `${url} answered 503` });
  closing.splice(0).forEach((close) => close());
  expect(await agent.ask(check({ url }))).toMatchObject({ done: false, code: "unhealthy", detail: `${url} refused for 1 s` });
  expect(await agent.ask(check({ argv: ["sh", "-c", "echo one; echo two; exit 3"] }))).toMatchObject({ done: false, code: "unhealthy", detail: "`sh -c echo one; echo two; exit 3` ended with 3: one | two" });
});

it("finds a release healthy that takes connections, where that is all it says of itself", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  await install(agent, stack("1"));
  const url = (await serve(() => 200)).replace("http:", "tcp:").replace("/health", "");
  expect(await agent.ask(check({ url }))).toMatchObject({ done: true, facts: { verified: false } });
  closing.splice(0).forEach((close) => close());
  expect(await agent.ask(check({ url }))).toMatchObject({ done: false, code: "unhealthy", detail: `${url} refused for 1 s` });
});

it("fault 40: takes an answer by a process of another release for none", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  await install(agent, stack("1"));
  await install(agent, stack("2"));
  const url = await serve(() => 200);
  const port = new URL(url).port;
  closing.splice(0).forEach((close) => close());
  background(join(host.root, "versions/1"), "python3", "-c", `import socket, time\ns = socket.create_server(("127.0.0.1", ${port}))\nwhile True: s.accept()[0].close()`);
  const step = { ...check({ url: `tcp://127.0.0.1:${port}` }, { deadline: 3 }), release: "2" as Label } as Step;
  expect(await agent.ask(step)).toMatchObject({ done: false, code: "unhealthy", detail: `tcp://127.0.0.1:${port} is answered by a process of release \`1\`, which still runs` });
  expect(await agent.ask({ ...step, release: "1" } as Step)).toMatchObject({ done: true, facts: { verified: true } });
});

it("tells what runs and what was said, also where the owner's command starts it", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  const service: Service = { kind: "command", restart: "echo one; echo two" };
  await install(agent, stack("1"), service);
  const child = background(join(host.root, "versions/1"), "sleep", "1000");
  expect(await agent.running(service)).toEqual({ processes: [{ release: "1", pid: child.pid }], drift: [] });
  await agent.ask({ step: "restart", release: "1" as Label, service });
  const { lines, cursor } = await agent.logs(service, { lines: 1 });
  expect(lines).toEqual([{ text: "two" }]);
  writeFileSync(join(host.root, "service.log"), "three\nfour", { flag: "a" });
  const more = await agent.logs(service, { lines: 1, after: cursor! });
  expect(more.lines).toEqual([{ text: "three" }]);
  writeFileSync(join(host.root, "service.log"), "th\n", { flag: "a" });
  expect((await agent.logs(service, { lines: 1, after: more.cursor! })).lines).toEqual([{ text: "fourth" }]);
});

it("says of systemd what is missing here before anything is switched", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  await stage(agent, stack("1"));
  const service: Service = { kind: "systemd", scope: "system" };
  const commands = { restart: ["systemctl"], stop: ["systemctl"], reset: ["systemctl"], logs: ["journalctl"] };
  expect(await agent.ask({ step: "units", release: "1" as Label, service })).toMatchObject({ done: false, code: "host-unfit", detail: expect.stringContaining("nobody here knows the processes of `1`") as string });
  const evil = { files: [{ name: "../../evil.service", text: "# x\n" }], commands };
  expect(await agent.ask({ step: "units", release: "1" as Label, service, units: evil })).toMatchObject({ done: false, code: "name-invalid" });
});

it("waits for a release that starts slowly, and believes only one that stays well", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  await install(agent, stack("1"));
  expect(await agent.ask(check({ url: await serve((asked) => (asked < 4 ? 503 : 200)) }, { deadline: 20 }))).toMatchObject({ done: true });
  const flapping = await serve((asked) => (asked % 2 === 0 ? 503 : 200));
  expect(await agent.ask(check({ url: flapping }, { minHealthy: 1, deadline: 2 }))).toMatchObject({ done: false, code: "unhealthy" });
});

it("looks for a health command in the package's own programs first", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  await install(agent, stack("1"));
  expect(await agent.ask(check({ argv: ["run"] }))).toMatchObject({ done: true });
});

it("runs the owner's command in the release's real directory", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  const told = join(host.directory, "told");
  const service: Service = { kind: "command", restart: `pwd -P > '${told}'; echo "$CAISSON_RELEASE $CAISSON_STATE" >> '${told}'` };
  await install(agent, stack("1"), service);
  expect(await agent.ask({ step: "restart", release: "1" as Label, service })).toEqual({ done: true, changed: true });
  const release = join(host.root, "versions/1");
  expect(readFileSync(told, "utf8")).toBe(`${release}\n${release} ${join(host.root, "shared")}\n`);
  expect(await agent.ask({ step: "restart", release: "1" as Label, service: { kind: "none" } })).toEqual({ done: true, changed: false });
  expect(await agent.ask({ step: "restart", release: "1" as Label, service: { kind: "command", restart: "echo no such unit >&2; exit 5" } })).toMatchObject({ done: false, code: "process-failed", detail: "`echo no such unit >&2; exit 5` ended with 5: no such unit" });
});

it("does not wait for a daemon that a restart leaves behind", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  await install(agent, stack("1"));
  const pid = join(host.directory, "pid");
  expect(await agent.ask({ step: "restart", release: "1" as Label, service: { kind: "command", restart: `sleep 300 & echo $! > '${pid}'` } })).toMatchObject({ done: true });
  const daemon = Number(readFileSync(pid, "utf8"));
  closing.push(() => process.kill(daemon, "SIGKILL"));
  expect(() => process.kill(daemon, 0)).not.toThrow();
});

it("starts the old release again when a switch is undone, and stops the new one where there was none", async () => {
  await using host = makeHost();
  const told = join(host.directory, "told");
  const service: Service = { kind: "command", restart: `echo "start \${CAISSON_RELEASE##*/}" >> '${told}'`, stop: `echo "stop \${CAISSON_RELEASE##*/}" >> '${told}'` };
  for (const [label, saw] of [["1", null], ["2", "1"]] as const) {
    await using agent = await host.open();
    await agent.observe();
    await stage(agent, stack(label));
    await agent.ask(activation(label as Label, saw as Label | null, service));
    await agent.ask({ step: "undo", release: label as Label });
    if (saw === null) await install(agent, stack("1"), service);
  }
  expect(readFileSync(told, "utf8")).toBe("stop 1\nstart 1\n");
  expect(readlinkSync(join(host.root, "versions/current"))).toBe("1");
});

it("row P12: prunes the oldest, and never what is current, previous or running", async () => {
  await using host = makeHost();
  for (const label of ["1", "2", "3", "4", "5"]) {
    await using agent = await host.open();
    await install(agent, stack(label));
  }
  background(join(host.root, "versions/2"), "sleep", "300");
  await using agent = await host.open();
  expect(await agent.ask({ step: "prune", keep: 0 })).toMatchObject({
    done: true, changed: true,
    facts: { removed: ["3", "1"], kept: [{ label: "5", reason: "current" }, { label: "4", reason: "previous" }, { label: "2", reason: expect.stringMatching(/^in use by process \d+$/) as string }], trees: 2 },
  });
  expect(readdirSync(join(host.root, "versions")).toSorted()).toEqual(["2", "4", "5", "current", "previous"]);
  expect(readdirSync(join(host.root, "trees")).filter((name) => !name.includes("."))).toHaveLength(3);
  expect(await agent.ask({ step: "prune", keep: 0 })).toMatchObject({ changed: false });
});

function pythonPackage(): { readonly trees: readonly MadeTree[]; readonly payload: Blob } {
  const one = tree(file("bin/hello", launcherText("hello:main"), 0o755), file("site/hello.py", "import sys, lib_of_it\ndef main():\n    print(sys.prefix, lib_of_it.VALUE)\n"), file("site/hello-1.0.dist-info/METADATA", "Name: hello\n"));
  const two = tree(file("site/lib_of_it/__init__.py", "VALUE = 42\n"));
  return { trees: [one, two], payload: pythonPayload([one, two], { "hello-1.0.dist-info": one, "hello.py": one, lib_of_it: two }) };
}

async function output(...argv: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await run(argv, { cwd: "/", env: context().env });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return Buffer.from(stdout).toString("utf8").trim();
}

it("law 2: a Python release is an environment of its own, and stays one when its root is moved", async () => {
  await using host = makeHost();
  {
    await using agent = await host.open();
    await install(agent, stack("1", pythonPackage()));
  }
  const moved = join(host.directory, "moved away");
  for (const root of [host.root, moved]) {
    if (root === moved) renameSync(host.root, moved);
    const part = join(root, "versions/1/hello");
    expect(await output(join(part, "bin/hello"))).toBe(`${part} 42`);
    expect(await output(join(root, "versions/1/bin/hello"))).toBe(`${part} 42`);
    expect(await output(join(root, "versions/current/bin/hello"))).toBe(`${part} 42`);
    expect(await output(join(root, "versions/1/bin/python"), "-c", "import hello; hello.main()")).toBe(`${join(root, "versions/1")} 42`);
  }
  const files = readdirSync(join(moved, "versions/1/hello"), { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".pyc") || path === "pyvenv.cfg");
  expect(files.length).toBeGreaterThan(2);
  for (const path of files) expect(readFileSync(join(moved, "versions/1/hello", path)).includes(host.directory)).toBe(false);
});

it("takes an interpreter that comes as a tree, and refuses one that did not come", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  const made = tree(file("root/bin/python3.11", "#!/bin/sh\necho shipped\n", 0o755));
  const shipped = (executable: string): Blob => payload("web", [made], [{ how: "directory", path: "bin" }, { how: "render", path: "pyvenv.cfg", template: "pyvenv.cfg", mode: 0o644 }], { kind: "python", interpreter: { from: "tree", tree: made.id, executable } });
  expect((await askAll(agent, stack("0", { trees: [made], payload: shipped("root/bin/nothing") }).steps)).at(-1)).toMatchObject({ done: false, code: "interpreter-unfit" });
  await install(agent, stack("1", { trees: [made], payload: shipped("root/bin/python3.11") }));
  const part = join(host.root, "versions/1/web");
  expect(await output(join(part, "bin/python3"))).toBe("shipped");
  expect(readFileSync(join(part, "pyvenv.cfg"), "utf8")).toBe(`home = ${join(host.root, "trees", digestHex(made.id), "root/bin")}\ninclude-system-site-packages = false\nversion = 3.11\n`);
});

it("finds the bytecode of modules that are linked one by one", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  await install(agent, stack("1", pythonPackage()));
  const python = join(host.root, "versions/1/hello/bin/python");
  expect(await output(python, "-c", "import hello, os; print(os.path.exists(hello.__cached__))")).toBe("True");
});

it("tells that the process behind the health address runs from the release", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  await install(agent, stack("1", pythonPackage()));
  const port = join(host.directory, "port");
  const server = `import http.server, os\ns = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)\ns.RequestHandlerClass.do_GET = lambda self: (self.send_response(200), self.end_headers())\nopen(${JSON.stringify(`${port}.new`)}, "w").write(str(s.server_port))\nos.rename(${JSON.stringify(`${port}.new`)}, ${JSON.stringify(port)})\ns.serve_forever()\n`;
  writeFileSync(join(host.directory, "server.py"), server);
  background(join(host.root, "versions/1"), join(host.root, "versions/1/hello/bin/python"), join(host.directory, "server.py"));
  await expect.poll(() => existsSync(port), { timeout: 120_000 }).toBe(true);
  const answer = await agent.ask({ ...check({ url: `http://127.0.0.1:${readFileSync(port, "utf8")}/` }), package: "hello" as never } as Step);
  expect(answer).toMatchObject({ done: true, facts: { verified: true } });
});

it("leaves the machine's own devices as they are where the log of a service cannot be opened", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  await install(agent, stack("1"));
  const before = statSync("/dev/null").mode;
  const restart: Step = { step: "restart", release: "1" as Label, service: { kind: "command", restart: "echo said" } };
  mkdirSync(join(host.root, "service.log"));
  expect(await agent.ask(restart)).toMatchObject({ done: true });
  rmdirSync(join(host.root, "service.log"));
  symlinkSync("/dev/null", join(host.root, "service.log"));
  expect(await agent.ask(restart)).toMatchObject({ done: true });
  expect(statSync("/dev/null").mode).toBe(before);
});
