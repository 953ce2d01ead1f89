import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readGuide, writeBlock } from "../support/guide.ts";
import { lacking, startHosts } from "../support/hosts.ts";
import { openHomes } from "../support/homes.ts";
import { has, project, type Home } from "../support/machine.ts";
import { oraclePython } from "../support/python-oracle.ts";
import { parseStory, playScene, stable } from "../support/story.ts";

const guide = readFileSync(join(project, "docs/guides/django.md"), "utf8");
const newHome = openHomes();

/** What lacks here, as a sentence. */
const lacks = ["curl", "git"].filter((program) => !has(program)).map((program) => `needs ${program}`).at(0);

/** A directory in an empty HOME with what `django-admin startproject` makes. */
function startProject(): Home & { readonly work: string } {
  const home = newHome();
  const work = join(home.directory, "my site");
  mkdirSync(work);
  const python = oraclePython("django", ["django==5.2.8"]);
  execFileSync(python, ["-m", "django", "startproject", "mysite", work]);
  return { ...home, work };
}

async function freePort(): Promise<number> {
  return await new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

function place(work: string, port: number, wanted: (name: string) => boolean): void {
  for (const block of readGuide("django")) {
    if (block.name !== "" && wanted(block.name)) writeBlock(work, { ...block, text: block.text.replaceAll("8000", String(port)) });
  }
}

function platformOf({ env, work }: { readonly env: Readonly<Record<string, string>>; readonly work: string }): string {
  return /dist\/mysite-[\d.]+-(?<platform>.+)\.tar\.gz/.exec(spawnSync("caisson", ["build", "--on-disk"], { cwd: work, env, encoding: "utf8" }).stdout)?.groups?.["platform"] ?? "no platform";
}

describe("the guide for Django", () => {
  it("does what it says, command by command", { timeout: 600_000 }, async ({ skip }) => {
    skip(lacks !== undefined, lacks);
    const port = await freePort();
    const { env, work } = startProject();
    place(work, port, () => true);
    const label = platformOf({ env, work });
    execFileSync("rm", ["-r", join(work, "dist")]);
    // One shell for all, as a person has: what is exported stays.
    const shell = { cwd: work, env: { ...env } as Record<string, string> };
    try {
      for (const { kind, text } of readGuide("django")) {
        if (kind !== "console") continue;
        for (const scene of parseStory(text.replaceAll("8000", String(port)).replaceAll("debian-12", label))) {
          const exported = /^export (?<name>\w+)=(?<value>\S+)$/.exec(scene.command)?.groups;
          if (exported !== undefined) shell.env[exported["name"] ?? ""] = exported["value"] ?? "";
          const played = playScene(scene, shell, stable);
          expect({ command: scene.command, stdout: played.stdout, status: played.status }, played.stderr.join("\n")).toEqual({ command: scene.command, stdout: scene.stdout, status: scene.status ?? 0 });
        }
      }
      expect(existsSync(join(work, "srv/shared/static/admin/css/base.css"))).toBe(true);
      expect(readFileSync(join(work, "srv/hooks/1.1.log"), "utf8")).toContain("nonsense");
      expect(spawnSync("grep", ["-rlE", "--exclude-dir=.env", "--exclude-dir=env", "horse", join(work, "srv"), join(work, "dist"), env["HOME"] ?? ""], { encoding: "utf8" }).stdout).toBe("");
    } finally {
      spawnSync("sh", ["-c", 'kill "$(cat srv/shared/web.pid)"'], { cwd: work });
    }
  });

  it("is right about hosts of one's own: systemd runs it as a user who can write `shared/` only", { timeout: 600_000 }, async ({ skip }) => {
    const missing = lacks ?? lacking("systemd");
    skip(missing !== undefined, missing);
    const { env, work } = startProject();
    place(work, 8000, () => true);
    const [, processes = "", production = ""] = /^\[packages\.mysite\]\n(processes\.web[^\n]*\n)\n(\[targets\.production\][^]*?)^```$/m.exec(guide) ?? [];
    const own = readFileSync(join(work, "caisson.toml"), "utf8").replace(/\[targets\.here\][^]*/, "");
    writeFileSync(join(work, "caisson.toml"), `${own}${processes}${production.replace(/^hosts = .*$/m, 'hosts = ["root@h1"]')}rollout.min_healthy = "1s"\n`);
    writeFileSync(join(work, ".env.production"), readFileSync(join(work, ".env.here")));
    await using hosts = await startHosts({ kind: "systemd" });
    const sh = async (command: string): Promise<string> => (await hosts.get("h1").enter(["/bin/sh", "-c", command])).trim();
    await sh("useradd --system mysite");
    const caisson = (...words: readonly string[]): readonly [string, number | null] => {
      const { stdout, stderr, status } = spawnSync("caisson", words, { cwd: work, env: { ...env, MYSITE_SECRET_KEY: "correct-horse-battery-staple", PATH: `${hosts.files.bin}:${env["PATH"] ?? ""}` }, encoding: "utf8" });
      return [status === 0 ? stdout : stderr, status];
    };
    expect(caisson("build", "--on-disk")[1]).toBe(0);
    expect(caisson("deploy", "--to", "production", "--yes")).toEqual(["h1  mysite@1.0  active  (was: none)\n", 0]);
    expect(await sh("python3 -c 'import urllib.request as u; print(u.urlopen(\"http://127.0.0.1:8000/admin/login/\").status)'")).toBe("200");
    expect(await sh("ps -o user= -p $(pgrep -d, -f [m]ysite.wsgi) | sort -u; stat -c %U /srv/mysite/shared/db.sqlite3 /srv/mysite/shared/static/admin /srv/mysite/versions/1.0")).toBe("mysite\nmysite\nmysite\nroot");
    expect(caisson("status", "--to", "production")).toEqual(["h1  mysite@1.0  active  healthy\n", 0]);
  });

  it("is right about a default project: writing beside its own code is refused, with the cure", { timeout: 600_000 }, ({ skip }) => {
    skip(lacks !== undefined, lacks);
    const { env, work } = startProject();
    place(work, 8000, (name) => name === "pyproject.toml");
    const caisson = (...words: readonly string[]): { readonly stdout: string; readonly stderr: string; readonly status: number | null } => spawnSync("caisson", words, { cwd: work, env: { ...env, DJANGO_SETTINGS_MODULE: "mysite.settings" }, encoding: "utf8" });
    const hooks = 'hooks = [{ at = "before-activate", command = "django-admin migrate --no-input" }]\n';
    writeFileSync(join(work, "caisson.toml"), `[packages.mysite]\n${hooks}[targets.here]\nroot = "srv"\nenvironment = [".env"]\n`);
    writeFileSync(join(work, ".env"), "DJANGO_SETTINGS_MODULE=mysite.settings\n");
    expect(caisson("build", "--on-disk").status).toBe(0);
    const refused = caisson("deploy", "--to", "here");
    expect(refused.status).toBe(1);
    // Whoever is not root is kept out by the modes of the store.
    const written = /trees\/[0-9a-f]{64}\/site\/db\.sqlite3` was written into an installed package[^]*^hint: there: mkdir -p .+ && mv -n .+db\.sqlite3.+; then let the program write below CAISSON_STATE \(Django: DATABASES, MEDIA_ROOT and STATIC_ROOT\), or give its package `link = "copy"`/m;
    expect(refused.stderr).toMatch(process.getuid?.() === 0 ? written : /unable to open database file[^]*CAISSON_STATE/);
    expect(existsSync(join(work, "srv/versions/current"))).toBe(false);

    writeFileSync(join(work, "caisson.toml"), `[packages.mysite]\nlink = "copy"\n${hooks}[targets.copy]\nroot = "copy"\nenvironment = [".env"]\n`);
    execFileSync("sed", ["-i", 's/^version = .*/version = "1.1"/', join(work, "pyproject.toml")]);
    expect(caisson("build", "--on-disk").status).toBe(0);
    const copied = caisson("deploy", "--to", "copy");
    expect([copied.stdout, copied.status], copied.stderr).toEqual(["local  mysite@1.1  active  (was: none)\n", 0]);
    expect(execFileSync("find", [join(work, "copy"), "-name", "db.sqlite3"], { encoding: "utf8" }).trim()).toMatch(/\/copy\/versions\/1\.1\/mysite\/lib\/python3\.\d+\/site-packages\/db\.sqlite3$/);
  });
});
