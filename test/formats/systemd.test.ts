import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { commandWord, settingText, settingWord } from "../../src/formats/systemd/quote.ts";
import { printSudoers } from "../../src/formats/systemd/sudoers.ts";
import { unitsOf, type UnitsRequest } from "../../src/formats/systemd/units.ts";
import type { PackageName, Process } from "../../src/model/index.ts";
import { removeTree } from "../../src/system/index.ts";

function process(name: string, more: Partial<Process> = {}): Process {
  return { name, argv: [name], environment: {}, requires: [], ...more };
}

const all = [process("web", { listen: "127.0.0.1:8000", socket: true, notify: true }), process("engine"), process("nightly", { schedule: "*-*-* 04:00:00" })];

function request(more: Partial<UnitsRequest> = {}): UnitsRequest {
  return { stack: "shop" as PackageName, root: "/srv/shop", scope: "system", user: "shop", packages: [{ package: "shop-web" as PackageName, processes: all }], ...more };
}

describe("units of a stack", () => {
  it("are one service for each process, its socket, its timer, and a target that starts them with the host", () => {
    const { files } = unitsOf(request());
    expect(files.map(({ name, process: of }) => [name, of])).toEqual([
      ["caisson-shop-shop-web-engine.service", "engine"],
      ["caisson-shop-shop-web-nightly.service", "nightly"],
      ["caisson-shop-shop-web-nightly.timer", "nightly"],
      ["caisson-shop-shop-web-web.service", "web"],
      ["caisson-shop-shop-web-web.socket", "web"],
      ["caisson-shop.target", undefined],
    ]);
    expect(files.map(({ text }) => text.split("\n")[0])).toEqual(files.map(() => "# Made by Caisson for /srv/shop ;"));
    expect(files.at(-1)?.text.split("\n").filter((line) => line.startsWith("Wants="))).toEqual(["Wants=caisson-shop-shop-web-engine.service", "Wants=caisson-shop-shop-web-nightly.timer", "Wants=caisson-shop-shop-web-web.service", "Wants=caisson-shop-shop-web-web.socket"]);
  });

  it("start a process through `current`, as another user, with releases that it cannot write", () => {
    expect(unitsOf(request({ packages: [{ package: "shop-web" as PackageName, processes: [all[0] as Process] }] })).files[0]?.text).toBe(`# Made by Caisson for /srv/shop ;
# What is to be different goes into a drop-in (systemctl edit), which stays.
[Unit]
Description=web (shop-web of shop)
StartLimitIntervalSec=60
StartLimitBurst=40
After=network.target
Requires=caisson-shop-shop-web-web.socket
After=caisson-shop-shop-web-web.socket

[Service]
Type=notify
ExecStart=/bin/sh "/srv/shop/versions/current/shop-web/processes/web"
EnvironmentFile=-/srv/shop/env/shop-web
Environment=PYTHONUNBUFFERED=1
SyslogIdentifier=web
Restart=always
RestartSec=2
RestartPreventExitStatus=64
KillMode=mixed
TimeoutStopSec=30
User=shop
NoNewPrivileges=yes
LockPersonality=yes
RestrictSUIDSGID=yes
ProtectControlGroups=yes
ReadOnlyPaths="-/srv/shop/trees" "-/srv/shop/versions"
`);
  });

  it("do not change with the release, and name neither a label nor a version", () => {
    expect(JSON.stringify(unitsOf(request()))).not.toMatch(/versions\/(?!current\/)/);
  });

  it("mean what was written, whatever a directory is called, and refuse what no unit can hold", () => {
    expect(commandWord("/a b/%i/$HOME/\"x\"/\\n/'")).toBe("\"/a b/%%i/$$HOME/\\\"x\\\"/\\\\n/'\"");
    expect(settingWord("/a b/%i/$HOME")).toBe("\"/a b/%%i/$HOME\"");
    for (const bad of ["/a\nExecStartPre=/bin/evil", "/a\r", "/a\u0000", "/a\\", " /a", "/a "]) expect(() => settingText(bad)).toThrow(expect.objectContaining({ code: "name-invalid" }) as Error);
  });

  it("listen where a process listens, at an address", () => {
    const streams = ["localhost:8000", "*:8000", ":8000", "[::1]:8000", "0.0.0.0:80"].map((listen) => unitsOf(request({ packages: [{ package: "w" as PackageName, processes: [process("web", { listen, socket: true })] }] })).files.find(({ name }) => name.endsWith(".socket"))?.text.match(/ListenStream=(.*)/)?.[1]);
    expect(streams).toEqual(["127.0.0.1:8000", "8000", "8000", "[::1]:8000", "0.0.0.0:80"]);
  });
});

const noSystemd = spawnSync("systemd-analyze", ["--version"]).status !== 0;

describe.skipIf(noSystemd)(`to systemd itself${noSystemd ? " (systemd-analyze is not installed)" : ""}`, () => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "caisson units 100% $HOME ")));
  afterAll(() => removeTree(directory));

  it.each([["system", "/srv/shop"], ["system", join(directory, "a \"b\" 'c' \\d %n $X ;")], ["user", join(directory, "plain")]] as const)("units are right: scope %s at %s", (scope, root) => {
    const { files } = unitsOf(request({ root, scope, ...(scope === "system" ? { user: userInfo().username } : {}) }));
    const place = mkdtempSync(join(directory, "units "));
    for (const { name, text } of files) writeFileSync(join(place, name), text);
    const { status, stderr } = spawnSync("systemd-analyze", [...(scope === "user" ? ["--user"] : []), "verify", ...files.map(({ name }) => join(place, name))], { encoding: "utf8", env: { ...globalThis.process.env, SYSTEMD_UNIT_PATH: `${place}:/usr/lib/systemd/${scope}:`, XDG_RUNTIME_DIR: place } });
    const ours = stderr.split("\n").filter((line) => line.includes("caisson-"));
    expect({ status, ours }).toEqual({ status: 0, ours: [] });
  });
});

describe("sudoers", () => {
  const units = unitsOf(request());

  it("row 35 of the faults: are four argument lists, word for word and without a wildcard", () => {
    expect(printSudoers({ deployer: "deploy", units })).toBe(`Defaults:deploy !requiretty
deploy ALL=(root) NOPASSWD: /usr/bin/systemctl --no-block restart caisson-shop-shop-web-engine.service caisson-shop-shop-web-nightly.timer caisson-shop-shop-web-web.service caisson-shop.target
deploy ALL=(root) NOPASSWD: /usr/bin/systemctl stop caisson-shop-shop-web-engine.service caisson-shop-shop-web-nightly.service caisson-shop-shop-web-nightly.timer caisson-shop-shop-web-web.service caisson-shop-shop-web-web.socket caisson-shop.target
deploy ALL=(root) NOPASSWD: /usr/bin/systemctl reset-failed caisson-shop-shop-web-engine.service caisson-shop-shop-web-nightly.service caisson-shop-shop-web-nightly.timer caisson-shop-shop-web-web.service caisson-shop-shop-web-web.socket caisson-shop.target
deploy ALL=(root) NOPASSWD: /usr/bin/journalctl --no-pager --output json --lines 1000 --unit caisson-shop-shop-web-engine.service --unit caisson-shop-shop-web-nightly.service --unit caisson-shop-shop-web-web.service
`);
  });

  it("are none for a user whose name means something to sudo", () => {
    for (const deployer of ["ALL", "%wheel", "a b", "a\nALL", "#0", ""]) expect(() => printSudoers({ deployer, units })).toThrow(expect.objectContaining({ code: "name-invalid" }) as Error);
  });

  const visudo = "/usr/sbin/visudo";

  it.skipIf(!existsSync(visudo))(`are right to visudo${existsSync(visudo) ? "" : " (it is not installed)"}`, () => {
    const file = join(mkdtempSync(join(tmpdir(), "caisson sudoers ")), "x");
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, printSudoers({ deployer: "deploy", units: unitsOf(request({ packages: [{ package: "a" as PackageName, processes: [process("we_b.1-X")] }] })) }));
    chmodSync(file, 0o440);
    expect(spawnSync(visudo, ["-cf", file], { encoding: "utf8" })).toMatchObject({ status: 0 });
  });
});
