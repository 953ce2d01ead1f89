import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { lacking, startHosts } from "../support/hosts.ts";
import { openLine, type Line } from "../support/line.ts";
import { makeHome, type Home } from "../support/machine.ts";
import { parseStory, playScene, stable } from "../support/story.ts";

/** A web server as a package of files, and how an owner without systemd restarts it. */
const server = `import http.server

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Handler).serve_forever()
`;
const restart = `pid=$CAISSON_STATE/web.pid
if [ -f "$pid" ]; then kill "$(cat "$pid")" 2>/dev/null; fi
cd "$CAISSON_RELEASE/shop-web/app" && { setsid python3 server.py </dev/null & echo $! >"$pid"; }
`;

const config = `[workspace]
name = "shop"
platforms = ["debian-12"]

[packages.shop-web]
kind = "files"
path = "web"
prefix = "app"
processes.web = "python3 app/server.py"
health = "http://127.0.0.1:8000/health"

[targets.production]
root = "/srv/shop"
hosts = ["deploy@h1", "deploy@h2"]
service = "command"
restart = "sh \\"$CAISSON_RELEASE/shop-web/app/restart\\""
stop = "kill $(cat \\"$CAISSON_STATE/web.pid\\")"
rollout = { min_healthy = "1s", healthy_deadline = "6s" }
`;

function write(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
}

/** Programs of the story: one cuts the line to a host as soon as a release is current there, and keeps it cut; the other ends that. */
function placeHelpers(home: Home, lines: Readonly<Record<string, Line>>, currentOf: (host: string) => string): void {
  const controls = JSON.stringify(Object.fromEntries(Object.entries(lines).map(([name, { control }]) => [name, { control, current: currentOf(name) }])));
  const script = `const { readlinkSync } = require("node:fs");
const { createConnection } = require("node:net");
const [what, host, label] = process.argv.slice(2);
const { control, current } = ${controls}[host];
const ask = (command) => new Promise((done) => createConnection(control).end(JSON.stringify(command)).resume().on("close", done));
(async () => {
  if (what === "mend") return await ask({ do: "set", state: { silent: false } });
  while (readlinkSync(current) !== label) await new Promise((passed) => setTimeout(passed, 5));
  await ask({ do: "set", state: { silent: true } });
  await ask({ do: "cut" });
})();
`;
  writeFileSync(join(home.directory, ".bin/line.cjs"), script);
  for (const word of ["mend", "cut-after-switch"]) writeFileSync(join(home.directory, ".bin", word), `#!/bin/sh\nexec '${process.execPath}' '${join(home.directory, ".bin/line.cjs")}' ${word} "$@"\n`, { mode: 0o755 });
}

it.skipIf(lacking("namespace") !== undefined)("S10: three in the morning (rows P11 to P13); fault 18: a line that is cut right after the switch (needs root and network namespaces)", { timeout: 400_000 }, async () => {
  await using hosts = await startHosts({ kind: "namespace", count: 2 });
  await using line = await openLine(hosts, "h2");
  const home = makeHome();
  try {
    const work = join(home.directory, "work");
    write(work, { "caisson.toml": config });
    const env = { ...home.env, PATH: `${join(home.directory, ".bin")}:${hosts.files.bin}:${home.env["PATH"] ?? ""}` };
    placeHelpers(home, { h2: line }, (name) => hosts.get(name).outside("/srv/shop/versions/current"));
    for (const [label, text] of [["124", server], ["125", `import foo\n${server}`], ["126", `${server}# quicker\n`]] as const) {
      write(work, { "web/server.py": text, "web/restart": restart, "web/VERSION": `1.0.${label}\n` });
      const built = spawnSync("caisson", ["build", "--to-stack", label, "--create"], { cwd: work, env, encoding: "utf8" });
      expect(built.status, built.stderr).toBe(0);
    }
    const shell = { cwd: work, env };
    for (const scene of parseStory(readFileSync(join(import.meta.dirname, "s10.txt"), "utf8"))) {
      const played = playScene(scene, shell, stable);
      expect({ command: scene.command, ...played }, `s10.txt, line ${scene.line}`).toEqual({ command: scene.command, stdout: scene.stdout, stderr: scene.stderr, status: scene.status ?? played.status });
    }
  } finally {
    home.remove();
  }
});
