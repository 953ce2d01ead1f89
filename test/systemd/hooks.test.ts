import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Hook } from "../../src/model/index.ts";
import { lacking } from "../support/hosts.ts";
import { useGround, web, type Ground } from "./ground.ts";

const missing = lacking("systemd");

describe.skipIf(missing !== undefined)(`hooks, values and a user on a host run by systemd${missing === undefined ? "" : ` (${missing})`}`, () => {
  let ground: Ground;
  useGround((opened) => (ground = opened));

  it("fault 47: systemd gives a process exactly the values that were written, whatever they are; changed alone, they restart it", async () => {
    const file = join(ground.bench.directory, ".env");
    const target = ground.target("v", { environment: [file] });
    const environmentOf = (names: string) => ground.sh(`python3 -c 'import json, subprocess as s; pid = s.check_output(["systemctl", "show", "-p", "MainPID", "--value", "caisson-v-v-web.service"]).decode().strip(); pairs = dict(part.split("=", 1) for part in open("/proc/" + pid + "/environ").read().split(chr(0)) if part); print(json.dumps([pairs.get(name) for name in ${names}]))'`);
    writeFileSync(file, "PLAIN=1\nQUOTES='a\"b'\nAPOSTROPHE=\"it's\"\nDOLLAR='$HOME ${HOME} $(id) `id` %h %%'\nBACKSLASH='a\\nb\\'\nLINES='one\ntwo'\nEDGES='  x  '\nWIDE=käse\nEMPTY=\n");
    expect(await ground.deploy(target, web({ stack: "v", port: 8141, version: "1" }))).toMatchObject({ outcome: "done" });
    expect(JSON.parse(await environmentOf('["PLAIN", "QUOTES", "APOSTROPHE", "DOLLAR", "BACKSLASH", "LINES", "EDGES", "EMPTY"]'))).toEqual(["1", 'a"b', "it's", "$HOME ${HOME} $(id) `id` %h %%", "a\\nb\\", "one\ntwo", "  x  ", ""]);
    writeFileSync(file, "PLAIN=2\n");
    expect(await ground.again(target, "1")).toMatchObject({ outcome: "done", from: "1", now: "1" });
    expect(JSON.parse(await environmentOf('["PLAIN", "QUOTES"]'))).toEqual(["2", null]);
    expect(await ground.again(target, "1")).toMatchObject({ outcome: "unchanged" });
    expect(await ground.sh("stat -L -c '%U %a' /srv/v/env/v; su -s /bin/sh app -c 'cat /srv/v/env/v' 2>&1 | tail -1")).toMatch(/^root 600\ncat: .*Permission denied$/);
  }, 120_000);

  it("hooks run as the user of the processes, write below CAISSON_STATE, and what they cannot undo stays when the release is ill", async () => {
    const target = ground.target("k");
    const hooks: readonly Hook[] = [{ at: "before-activate", argv: ["sh", "-c", 'id -un >> "$CAISSON_STATE/ran"; touch "$CAISSON_RELEASE/x" 2>/dev/null && echo wrote >> "$CAISSON_STATE/ran"; true'], once: "stack", reversible: false, timeout: 20 }];
    const made = (version: string, body?: string) => ({ ...web({ stack: "k", port: 8142, version, ...(body === undefined ? {} : { body }) }), hooks });
    expect(await ground.deploy(target, made("1"))).toMatchObject({ outcome: "done" });
    expect(await ground.sh("cat /srv/k/shared/ran; stat -c %U /srv/k/shared")).toBe("app\napp");
    expect(await ground.deploy(target, made("2", "exit 3"))).toMatchObject({ outcome: "partly-done", now: "2", problem: { message: expect.stringContaining("not taken back, because `k before-activate: sh -c") as string } });
    expect(await ground.sh("readlink /srv/k/versions/current")).toBe("2");
    expect(await ground.status(target)).toMatchObject({ current: { label: "2", state: "kept" }, health: "unhealthy" });
    expect(await ground.deploy(target, made("3"))).toMatchObject({ outcome: "done", from: "2", now: "3" });
  }, 120_000);
});
