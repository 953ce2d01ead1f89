import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { readLogs } from "../../src/deploy/observe/logs.ts";
import { lacking } from "../support/hosts.ts";
import { useGround, versionsOf, web, type Ground } from "./ground.ts";

const missing = lacking("systemd");

describe.skipIf(missing !== undefined)(`a host run by systemd${missing === undefined ? "" : ` (${missing})`}`, () => {
  let ground: Ground;
  useGround((opened) => (ground = opened));

  it("rows P9, P11: deploys a first release, a change, goes back, and prunes; the administrator's drop-in stays", async () => {
    const target = ground.target("a");
    const made = versionsOf({ stack: "a", port: 8101, others: [{ name: "worker", argv: ["sleep", "1000"], environment: {}, requires: [] }] });
    expect(await ground.deploy(target, made("1"))).toMatchObject({ outcome: "done", now: "1" });
    expect(await ground.served(8101)).toBe("1");
    expect(await ground.sh("systemctl is-enabled caisson-a.target; systemctl show -p User --value caisson-a-a-web.service; ps -o user= -p $(systemctl show -p MainPID --value caisson-a-a-web.service)")).toBe("enabled\napp\napp");

    await ground.sh("mkdir -p /etc/systemd/system/caisson-a-a-web.service.d && printf '[Service]\\nEnvironment=MINE=yes\\n' > /etc/systemd/system/caisson-a-a-web.service.d/mine.conf && systemctl daemon-reload");
    const before = await ground.sh("stat -c '%i %Y' /etc/systemd/system/caisson-a-a-web.service; systemctl show -p MainPID --value caisson-a-a-worker.service");
    expect(await ground.deploy(target, made("2"))).toMatchObject({ outcome: "done", from: "1", now: "2" });
    expect(await ground.served(8101)).toBe("2");
    const [file, worker] = (await ground.sh("stat -c '%i %Y' /etc/systemd/system/caisson-a-a-web.service; systemctl show -p MainPID --value caisson-a-a-worker.service")).split("\n");
    expect(before).toContain(file);
    expect(before.split("\n")[1]).not.toBe(worker);
    expect(await ground.sh("tr '\\0' '\\n' < /proc/$(systemctl show -p MainPID --value caisson-a-a-web.service)/environ | grep -E '^(MINE|CAISSON_)' | sort")).toBe("CAISSON_RELEASE=/srv/a/versions/2\nCAISSON_STATE=/srv/a/shared\nMINE=yes");

    expect(await ground.status(target)).toMatchObject({ current: { label: "2" }, previous: "1", wanted: "2", health: "healthy", running: [{ process: "web", release: "2", state: "active" }, { process: "worker", state: "active" }] });
    expect(await ground.rollback(target)).toMatchObject({ outcome: "done", from: "2", now: "1" });
    expect(await ground.served(8101)).toBe("1");
    expect(await ground.deploy(target, made("3"))).toMatchObject({ outcome: "done", now: "3" });
    expect(await ground.prune(target, 0)).toMatchObject({ removed: ["2"] });
    expect(await ground.sh("ls /srv/a/units")).toBe("1.json\n3.json");
  }, 120_000);

  it("takes units away with their processes, and brings them back with the release that has them", async () => {
    const target = ground.target("b");
    const impatient = ground.target("b", { patience: { healthyDeadline: 6 } });
    const worker = { name: "worker", argv: ["sleep", "1000"], environment: {}, requires: [] };
    const units = () => ground.sh("cd /etc/systemd/system && ls -d caisson-b* | tr '\\n' ' '; systemctl list-units --plain --no-legend 'caisson-b*' | awk '{print $1, $3}' | sort | tr '\\n' ' '");
    expect(await ground.deploy(target, web({ stack: "b", port: 8102, version: "1", others: [worker] }))).toMatchObject({ outcome: "done" });
    expect(await ground.deploy(target, web({ stack: "b", port: 8102, version: "2" }))).toMatchObject({ outcome: "done" });
    expect(await units()).toBe("caisson-b-b-web.service caisson-b.target caisson-b-b-web.service active caisson-b.target active");
    expect(await ground.rollback(target)).toMatchObject({ outcome: "done", now: "1" });
    expect(await units()).toBe("caisson-b-b-web.service caisson-b-b-worker.service caisson-b.target caisson-b-b-web.service active caisson-b-b-worker.service active caisson-b.target active");
    // One that fails takes its own units with it, and leaves those of the release before.
    const failing = web({ stack: "b", port: 8102, version: "3", body: "exit 3", others: [{ ...worker, name: "other" }] });
    expect(await ground.deploy(impatient, failing)).toMatchObject({ outcome: "undone", now: "1", health: "healthy" });
    expect(await units()).toBe("caisson-b-b-web.service caisson-b-b-worker.service caisson-b.target caisson-b-b-web.service active caisson-b-b-worker.service active caisson-b.target active");
  }, 120_000);

  it("leaves nothing of a first release that fails", async () => {
    const target = ground.target("c", { patience: { healthyDeadline: 2 } });
    expect(await ground.deploy(target, web({ stack: "c", port: 8103, version: "1", body: "echo no >&2; exit 3" }))).toMatchObject({ outcome: "undone", now: null, problem: { code: "unhealthy" } });
    const said: string[] = [];
    expect(await readLogs(ground.bench.ctx, target, { lines: 100, process: "web" }, (_, { process, text }) => void said.push(`${process ?? ""}: ${text}`))).toEqual([]);
    expect(said).toContain("web: no");
    expect(await ground.sh("ls -d /etc/systemd/system/caisson-c* /etc/systemd/system/*/caisson-c* 2>/dev/null; systemctl list-units --all --plain --no-legend 'caisson-c-*' caisson-c.target")).toBe("");
  }, 120_000);

  it("keeps a port open across restarts where a process takes its socket over", async () => {
    const target = ground.target("d");
    const made = versionsOf({ stack: "d", port: 8104, process: { socket: true, notify: true } });
    expect(await ground.deploy(target, made("1"))).toMatchObject({ outcome: "done" });
    await ground.sh("cat > /root/ask.py <<'E'\nimport urllib.request, os, time, collections\nseen = collections.Counter()\nwhile not os.path.exists('/root/enough'):\n    try: seen[urllib.request.urlopen('http://127.0.0.1:8104/', timeout=8).read().decode()] += 1\n    except OSError as error: seen['failed %s' % error] += 1\n    open('/root/asked', 'w').close()\n    time.sleep(0.005)\nprint(dict(seen))\nE");
    const asking = ground.sh("python3 /root/ask.py");
    await ground.sh("until test -e /root/asked; do sleep 0.1; done");
    expect(await ground.deploy(target, made("2"))).toMatchObject({ outcome: "done" });
    await ground.sh("rm /root/asked; until test -e /root/asked; do sleep 0.1; done; touch /root/enough");
    const seen = JSON.parse((await asking).replaceAll("'", '"')) as Record<string, number>;
    expect(Object.keys(seen)).toEqual(["1", "2"]);
    expect(await ground.sh("systemctl show -p NAccepted,ActiveState --value caisson-d-d-web.socket")).toContain("active");
  }, 120_000);

  it("lets a timer start what has a schedule, and nothing else", async () => {
    const target = ground.target("e");
    const beat = { name: "beat", argv: ["sh", "-c", "echo beat >> \"$CAISSON_STATE/beats\""], environment: {}, requires: [], schedule: "*:*:0/2" };
    expect(await ground.deploy(target, web({ stack: "e", port: 8105, version: "1", others: [beat] }))).toMatchObject({ outcome: "done" });
    await ground.sh("until test \"$(cat /srv/e/shared/beats | wc -l)\" -gt 1; do sleep 0.2; done 2>/dev/null");
    expect(await ground.sh("systemctl is-active caisson-e-e-beat.timer")).toBe("active");
  }, 120_000);

  it("gives processes the values of the target's environment as they are, chooses by them what starts, and shows none in its logs", async () => {
    const { bench } = ground;
    const secret = "pa ss%n$HOME`id`\"\\n";
    const file = join(bench.directory, ".env");
    const target = ground.target("h", { environment: [file] });
    const versions = versionsOf({ stack: "h", port: 8108, health: { argv: ["true"] }, others: [{ name: "other", argv: ["sleep", "1000"], environment: {}, requires: [] }], body: "echo \"token $TOKEN\"\nexec python3 \"${0%/bin/*}/serve.py\"", process: { requires: ["TOKEN"] } });
    const made = (version: string) => ({ ...versions(version), start: [{ when: { ROLE: "web" }, process: "web" }, { process: "other" }] });
    writeFileSync(file, `ROLE=web\nTOKEN='${secret}'\n`);
    expect(await ground.deploy(target, made("1"))).toMatchObject({ outcome: "done" });
    const environ = await ground.sh("tr '\\0' '\\n' < /proc/$(systemctl show -p MainPID --value caisson-h-h-web.service)/environ | grep ^TOKEN=; systemctl list-unit-files --no-legend 'caisson-h-*' | awk '{print $1}'; grep -rl 'pa ss' /srv/h/units /srv/h/journal.jsonl /etc/systemd/system || echo none");
    expect(environ).toBe(`TOKEN=${secret}\ncaisson-h-h-web.service\nnone`);
    const lines: string[] = [];
    await readLogs(bench.ctx, target, { lines: 100 }, (_, { text }) => void lines.push(text));
    expect(lines.filter((line) => line.includes("token"))).toEqual(["token ***"]);
    writeFileSync(file, "ROLE=x\nTOKEN=other-token\n");
    expect(await ground.deploy(target, made("2"))).toMatchObject({ outcome: "done" });
    expect(await ground.sh("systemctl list-units --plain --no-legend 'caisson-h-*' | awk '{print $1}'")).toBe("caisson-h-h-other.service");
    expect(await ground.rollback(target)).toMatchObject({ outcome: "done", now: "1" });
  }, 120_000);

  it("tells units that somebody has changed, and a process that runs another release", async () => {
    const target = ground.target("i");
    expect(await ground.deploy(target, web({ stack: "i", port: 8109, version: "1" }))).toMatchObject({ outcome: "done" });
    expect(await ground.deploy(target, web({ stack: "i", port: 8109, version: "2" }))).toMatchObject({ outcome: "done" });
    expect((await ground.status(target)).drift).toBeUndefined();
    await ground.sh("ln -sfn 1 /srv/i/versions/current && systemctl restart caisson-i-i-web.service");
    while ((await ground.served(8109)) !== "1") await sleep(200);
    await ground.sh("ln -sfn 2 /srv/i/versions/current; echo '# mine' >> /etc/systemd/system/caisson-i.target");
    expect(await ground.status(target)).toMatchObject({ current: { label: "2" }, drift: expect.arrayContaining(["web runs 1", "caisson-i.target is changed"]) as string[] });
    expect(await ground.deploy(target, web({ stack: "i", port: 8109, version: "3" }))).toMatchObject({ outcome: "done" });
    expect((await ground.status(target)).drift).toBeUndefined();
  }, 120_000);

  it("refuses units that are another root's, and processes of a user who is not there", async () => {
    const [place] = ground.target("elsewhere").hosts;
    expect(await ground.deploy(ground.target("a", { hosts: [place!] }), web({ stack: "a", port: 8106, version: "9" }))).toMatchObject({ outcome: "not-done", problem: { code: "host-unfit", message: expect.stringMatching(/^`\/etc\/systemd\/system\/caisson-a-a-web.service` is there already, and not of this directory/) as string } });
    expect(await ground.deploy(ground.target("f", { user: "nobody-here" }), web({ stack: "f", port: 8106, version: "1" }))).toMatchObject({ outcome: "not-done", problem: { code: "host-unfit", message: expect.stringContaining("there is no user `nobody-here`") as string } });
    expect(await ground.served(8101)).toBe("3");
  }, 120_000);

  it("starts by systemd, and then as another user, what the same stack was before, and goes back from that as well", async () => {
    const target = ground.target("m");
    const made = web({ stack: "m", port: 8111, version: "1" });
    const { user: _, ...bare } = target;
    expect(await ground.deploy({ ...bare, service: { kind: "none" } }, made)).toMatchObject({ outcome: "done" });
    expect(await ground.again(target, "1")).toMatchObject({ outcome: "done", from: "1", now: "1" });
    expect(await ground.served(8111)).toBe("1");
    expect(await ground.again(target, "1")).toMatchObject({ outcome: "unchanged" });
    await ground.sh("useradd --system second");
    expect(await ground.again({ ...target, user: "second" }, "1")).toMatchObject({ outcome: "done", from: "1", now: "1" });
    const owner = () => ground.sh("ps -o user= -p $(systemctl show -p MainPID --value caisson-m-m-web.service)");
    expect(await owner()).toBe("second");
    // A user who may not even enter the directory.
    await ground.sh("useradd --system third && mkdir -p /etc/systemd/system/caisson-m-m-web.service.d && printf '[Service]\\nInaccessiblePaths=/srv/m/versions\\n' > /etc/systemd/system/caisson-m-m-web.service.d/x.conf");
    expect(await ground.again({ ...target, user: "third", policy: { ...target.policy, healthyDeadline: 6 } }, "1")).toMatchObject({ outcome: "undone", now: "1" });
    await ground.sh("rm -r /etc/systemd/system/caisson-m-m-web.service.d && systemctl daemon-reload && systemctl restart caisson-m-m-web.service");
    expect([await owner(), await ground.sh("ls /srv/m/units")]).toEqual(["second", "1.json"]);
  }, 120_000);

  it("starts processes below a directory whose name means something to systemd and to sh", async () => {
    const [place] = ground.target("j").hosts;
    const target = ground.target("j", { hosts: [{ ...place!, root: "/srv/100% of it" }] });
    expect(await ground.deploy(target, web({ stack: "j", port: 8110, version: "1", process: { socket: true, notify: true } }))).toMatchObject({ outcome: "done" });
    expect(await ground.served(8110)).toBe("1");
    expect(await ground.status(target)).toMatchObject({ health: "healthy", running: [{ release: "1" }] });
  }, 120_000);

  it("tells what processes have said, by host and process, and goes on as they say more", async () => {
    const target = ground.target("g");
    const talk = { name: "talk", argv: ["sh", "-c", "while :; do echo tick; sleep 0.3; done"], environment: {}, requires: [] };
    expect(await ground.deploy(target, web({ stack: "g", port: 8107, version: "1", others: [talk] }))).toMatchObject({ outcome: "done" });
    const lines: string[] = [];
    const uid = await ground.sh("id -u app");
    expect(await readLogs(ground.bench.ctx, target, { lines: 100, process: "web" }, (host, { process, text }) => void lines.push(`${host} ${process} ${text}`))).toEqual([]);
    expect(lines).toContain(`h1 web serving 1 as ${uid}`);
    expect(lines.filter((line) => line.includes("tick"))).toEqual([]);
    const controller = new AbortController();
    const ticks: string[] = [];
    const following = readLogs({ ...ground.bench.ctx, signal: controller.signal }, target, { lines: 1, process: "g:talk", follow: true }, (_, { text }) => void ticks.push(text));
    while (ticks.length < 4) await sleep(100);
    controller.abort();
    await following;
  }, 120_000);
});
