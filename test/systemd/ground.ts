import { afterAll, beforeAll } from "vitest";
import { prepareDeploy } from "../../src/deploy/deploy.ts";
import { preparePrune } from "../../src/deploy/prune.ts";
import { prepareRollback } from "../../src/deploy/rollback.ts";
import { readStatus } from "../../src/deploy/observe/status.ts";
import type { HostResult, HostStatus } from "../../src/deploy/apply/outcome.ts";
import type { Health, Label, PackageName, Policy, Process, Target } from "../../src/model/index.ts";
import { wantedStack } from "../../src/deploy/wanted.ts";
import { makeStack, openWorkbench, type HandMade, type Workbench } from "../support/hand-made.ts";
import { startHosts, type Machine } from "../support/hosts.ts";

/** One host run by a real systemd, and a place to deploy from. */
export interface Ground extends AsyncDisposable {
  readonly bench: Workbench;
  readonly host: Machine;
  /** A target on that host, for the stack of this name: root deploys, systemd starts. */
  target(stack: string, change?: Partial<Target> & { readonly as?: string; readonly patience?: Partial<Policy> }): Target;
  deploy(target: Target, ...made: readonly HandMade[]): Promise<HostResult>;
  /** A stack that was deployed before, once more. */
  again(target: Target, label: string): Promise<HostResult>;
  rollback(target: Target): Promise<HostResult>;
  prune(target: Target, keep: number): Promise<HostResult>;
  status(target: Target): Promise<HostStatus>;
  /** What a shell of root says there, without the last newline. */
  sh(command: string): Promise<string>;
  /** What is served there at a port of its own, or the last line of why nothing is. */
  served(port: number): Promise<string>;
}

/** A ground for the tests of a group: handed over before the first, gone after the last. */
export function useGround(take: (ground: Ground) => void): void {
  let opened: Ground | undefined;
  beforeAll(async () => {
    opened = await openGround();
    take(opened);
  });
  afterAll(async () => {
    await opened?.[Symbol.asyncDispose]();
  });
}

async function openGround(): Promise<Ground> {
  const hosts = await startHosts({ kind: "systemd" });
  const host = hosts.get("h1");
  const bench = await openWorkbench({ PATH: hosts.env["PATH"] ?? "" });
  const { ctx, store } = bench;
  const sh = async (command: string): Promise<string> => (await host.enter(["/bin/sh", "-c", command])).trimEnd();
  await sh("id app 2>/dev/null || useradd --system app");
  return {
    bench, host, sh,
    served: (port) => sh(`python3 -c 'import urllib.request as u; print(u.urlopen("http://127.0.0.1:${port}/", timeout=5).read().decode())' 2>&1 | tail -1`),
    target: (stack, { as = "root", patience, ...change } = {}) => ({
      name: "production", hosts: [{ name: "h1", via: "ssh", address: `${as}@h1`, root: `/srv/${stack}` }], roles: {}, service: { kind: "systemd", scope: "system" }, user: "app", keep: 5,
      policy: { canary: 0, maxParallel: 1, maxFailed: 0, minHealthy: 0, healthyDeadline: 30, ...patience }, ...change,
    }),
    deploy: async (target, ...made) => {
      await using change = await prepareDeploy(ctx, store, await makeStack(store, ...made), target);
      return (await change.apply())[0] as HostResult;
    },
    again: async (target, label) => {
      const wanted = await wantedStack(store, { name: target.hosts[0]?.root.split("/").at(-1) as PackageName, label: label as Label });
      await using change = await prepareDeploy(ctx, store, wanted, target);
      return (await change.apply())[0] as HostResult;
    },
    rollback: async (target) => {
      await using change = await prepareRollback(ctx, store, target);
      return (await change.apply())[0] as HostResult;
    },
    prune: async (target, keep) => {
      await using change = await preparePrune(ctx, store, target, keep);
      return (await change.apply())[0] as HostResult;
    },
    status: async (target) => (await readStatus(ctx, store, target))[0] as HostStatus,
    [Symbol.asyncDispose]: async () => {
      await hosts[Symbol.asyncDispose]();
      await bench[Symbol.asyncDispose]();
    },
  };
}

/** A package of one process, `web`, that serves its version on a port. */
export interface Web {
  readonly stack: string;
  readonly port: number;
  readonly version: string;
  /** Instead of the server, as sh. */
  readonly body?: string;
  readonly process?: Partial<Process>;
  readonly health?: Health;
  readonly others?: readonly Process[];
}

export function web({ stack, port, version, body, process, health, others = [] }: Web): HandMade {
  return {
    name: stack, version,
    files: { "bin/serve": `#!/bin/sh\n${body ?? `exec python3 "\${0%/bin/*}/serve.py"`}\n`, "serve.py": SERVER.replaceAll("VERSION", version).replaceAll("PORT", String(port)) },
    processes: [{ name: "web", argv: ["serve"], environment: {}, requires: [], listen: `127.0.0.1:${port}`, ...process }, ...others],
    health: health ?? { url: `http://127.0.0.1:${port}/` },
  };
}

/** The same package in one version after another. */
export function versionsOf(package_: Omit<Web, "version">): (version: string, more?: Partial<Web>) => HandMade {
  return (version, more = {}) => web({ ...package_, version, ...more });
}

/** Takes its socket over where systemd gives it one, says when it is ready, and ends between two requests. */
const SERVER = `import os, signal, socket, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"VERSION"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass
class Server(HTTPServer):
    def server_bind(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.server_address
taken = os.environ.get("LISTEN_FDS") == "1"
server = Server(("127.0.0.1", PORT), Handler, bind_and_activate=not taken)
if taken:
    server.socket = socket.socket(fileno=3)
print("serving VERSION as %d" % os.getuid(), flush=True)
if os.environ.get("NOTIFY_SOCKET"):
    where = os.environ["NOTIFY_SOCKET"]
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", "\\0" + where[1:] if where[0] == "@" else where)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(0.05)
`;
