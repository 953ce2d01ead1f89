import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { makeHome, project } from "../support/machine.ts";
import { freePorts, hqCommand } from "../support/oct-hq.ts";
import { parseStory, playScene, stable, type Scene } from "../support/story.ts";
import { older, vUser } from "./ground.ts";
import { makeArchive } from "./made-archive.ts";

/** The commands of a page, each with the lines that it shows; what goes to which stream, a page does not tell. */
function readGuide(): readonly Scene[] {
  const text = readFileSync(join(project, "docs/guides/turrets.md"), "utf8");
  return parseStory([...text.matchAll(/^```\n(?<block>\$ .*?)^```$/gms)].map(({ groups }) => groups?.["block"] ?? "").join(""));
}

it.skipIf(older === undefined)("the guide from oct-pack-turrets to Caisson: its commands do what it shows (needs a CPython of 3.6 to 3.11, for the original)", { timeout: 240_000 }, async () => {
  const home = makeHome();
  try {
    const [publisher, collector] = await freePorts();
    const [bin, environment, work] = [".bin", "environment", "work"].map((name) => join(home.directory, name)) as [string, string, string];
    cpSync(join(project, "examples/turrets"), join(work, "loadtest"), { recursive: true });
    const config = readFileSync(join(work, "loadtest/config.json"), "utf8").replace("5000", publisher).replace("5001", collector);
    writeFileSync(join(work, "loadtest/config.json"), config);
    execFileSync(older?.path ?? "", ["-m", "venv", environment]);
    for (const program of ["pip", "oct-turrets-start"]) symlinkSync(join(environment, "bin", program), join(bin, program));
    writeFileSync(join(bin, "hq"), `#!/bin/sh\nexec ${hqCommand().map((word) => `'${word}'`).join(" ")} ${publisher} ${collector}\n`, { mode: 0o755 });
    mkdirSync(join(work, "old"));
    const ports = `hq_publisher=${publisher}, hq_rc=${collector}`;
    makeArchive(join(work, "old/navigation-of-0.3.tar"), `config(canons=2, cannons=None, ${ports}); script(${JSON.stringify(vUser)}); add("setup.py", b"setup(install_requires=['oct-turrets'])")`);
    makeArchive(join(work, "old/navigation-of-0.4.tar.gz"), `config(${ports}); script(${JSON.stringify(vUser)})`, "w:gz");
    makeArchive(join(work, "evil.tar"), 'config(); script(); add("../../x")');
    mkdirSync(join(work, "other"));
    writeFileSync(join(work, "other/worker.sh"), "#!/bin/sh\necho \"shooting at $(sed -n 's/.*\"hq_address\": \"\\(.*\\)\".*/\\1/p' config.json)\"\n", { mode: 0o755 });
    writeFileSync(join(work, "other/config.json"), JSON.stringify({ ...(JSON.parse(config) as object), turrets: [{ name: "shell", cannons: 1, rampup: 0, command: ["./worker.sh"], extra_files: ["worker.sh"] }] }));
    const shell = { cwd: work, env: { ...home.env, PIP_DISABLE_PIP_VERSION_CHECK: "1" } };
    const scenes = readGuide();
    expect(scenes.length).toBeGreaterThan(15);
    for (const scene of scenes) {
      // The HQ of a page's reader is elsewhere; ours stops what it hears of.
      const starts = scene.stdout.some((line) => line.endsWith("] starting turret"));
      if (scene.command.includes("other")) shell.cwd = work;
      const played = playScene({ ...scene, command: starts ? `hq & ${scene.command}; status=$?; wait; (exit $status)` : scene.command }, shell, stable);
      const printed = [...played.stderr, ...played.stdout].map((line) => line.replace(/platform \S+$/, "platform debian-12"));
      const missing = scene.stdout.map(stable).filter((line) => !printed.includes(line));
      const more = scene.open ? 0 : printed.length - scene.stdout.length;
      expect({ command: scene.command, missing, more, printed: missing.length + more === 0 ? [] : printed }).toEqual({ command: scene.command, missing: [], more: 0, printed: [] });
      const fails = scene.stdout.some((line) => line.startsWith("error: ")) || scene.command.startsWith("oct-turrets-start");
      expect([scene.command, played.status]).toEqual([scene.command, fails ? 1 : 0]);
    }
  } finally {
    home.remove();
  }
});
