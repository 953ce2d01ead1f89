import { cpSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readGuide, writeBlock } from "../support/guide.ts";
import { lacking, startHosts } from "../support/hosts.ts";
import { defaultPythonMinor, makeHome, project } from "../support/machine.ts";
import { parseStory, playScene, stable, type Played, type Scene } from "../support/story.ts";

const blocks = readGuide("deploy").map((block) => ({ ...block, text: block.text.replaceAll("app1.example.com", "h1") }));

const missing = lacking("systemd") ?? (defaultPythonMinor() === "3.11" ? undefined : "needs python3 to be 3.11, as Debian 12 has it");

it.skipIf(missing !== undefined)("the guide from a fresh Debian host to a running service does what it says, command by command (needs root and systemd-nspawn)", { timeout: 400_000 }, async () => {
  await using hosts = await startHosts({ kind: "systemd" });
  const home = makeHome();
  try {
    const shop = join(home.directory, "shop");
    cpSync(join(project, "examples/shop"), shop, { recursive: true });
    const shell = { cwd: shop, env: { ...home.env, PATH: `${join(home.directory, ".bin")}:${hosts.files.bin}:${home.env["PATH"] ?? ""}` } };
    for (const block of blocks) {
      const { kind, name, text } = block;
      if (kind === "console" && name === "host") for (const { command } of parseStory(text)) await hosts.get("h1").enter(["/bin/sh", "-ec", command]);
      else if (kind === "console") for (const scene of parseStory(text)) check(scene, playScene(scene, shell, stable));
      else writeBlock(shop, block);
      if (name === ".env.production") spawnSync("sh", ["-ec", "echo .env.production >> .gitignore; git init -q -b main; git add .; git commit -qm shop"], shell);
    }
    expect(spawnSync("grep", ["-rl", "Corner shop", join(shop, "dist"), join(home.directory, ".local")], { encoding: "utf8" }).stdout).toBe("");
  } finally {
    home.remove();
  }
});

/** A line that ends with ... is the beginning of one. */
function check({ command, stdout, status = 0, open }: Scene, played: Played): void {
  const said = played.stdout.map((line, at) => (stdout[at]?.endsWith("...") === true && line.startsWith(stdout[at].slice(0, -3)) ? stdout[at] : line));
  const told = played.stderr.join("\n");
  expect({ command, status: played.status, stdout: open ? said.slice(0, stdout.length) : said }, told).toEqual({ command, status, stdout: stdout.map((line) => stable(line)) });
}
