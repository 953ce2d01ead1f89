import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readLeft } from "../../src/build/build-scripts/left.ts";
import { runScript, type Scene } from "../../src/build/build-scripts/run-script.ts";
import type { Additions, Package, Tree } from "../../src/model/index.ts";
import { temporaryStore, type TemporaryStore } from "../support/temporary-store.ts";

const pkg = { name: "greet", written: "greet" } as Package;

function sceneIn(directory: string): Scene {
  const here = join(directory, "the bundle");
  for (const path of [join(here, "data"), join(directory, "source"), join(directory, "scratchpad")]) mkdirSync(path, { recursive: true });
  return { here, data: join(here, "data"), source: join(directory, "source"), scratchpad: join(directory, "scratchpad"), installScript: join(directory, "lines"), environment: join(directory, "environment"), env: { PATH: process.env["PATH"] ?? "" } };
}

async function left({ store, directory }: TemporaryStore, script: string): Promise<Additions | undefined> {
  const scene = sceneIn(directory);
  execFileSync("sh", ["-ec", script], { cwd: scene.data, env: { ...process.env, INSTALL_SCRIPT: scene.installScript } });
  return await readLeft(store, pkg, scene);
}

it("row P14: files in DATA_DIR are kept with their modes, and lines with their end; nothing is nothing", async () => {
  await using place = await temporaryStore();
  expect(await left(place, 'mkdir empty; printf "  \\n" > "$INSTALL_SCRIPT"')).toBeUndefined();
  const made = await left(place, 'umask 077; mkdir -p "a b"; echo same > "a b/x"; echo same > y; chmod +x y; printf "echo hello" > "$INSTALL_SCRIPT"');
  expect(Buffer.from(readFileSync(join(place.directory, "store/blobs/sha256", made?.lines?.digest.slice(7) ?? ""))).toString()).toBe("echo hello\n");
  expect((await place.store.readJson<Tree>(made?.files?.tree.document.digest ?? "sha256:")).entries).toMatchObject([{ path: "root/a b/x", mode: 0o644 }, { path: "root/y", mode: 0o755 }]);
  expect(made?.files?.blobs).toHaveLength(1);
});

it.each([
  ["ln -s /etc/passwd link", "left `link` in DATA_DIR, which is neither a file nor a directory"],
  ["mkfifo pipe", "left `pipe` in DATA_DIR, which is neither"],
  ["mkdir wheels", "left `wheels` in DATA_DIR, where a bundle has one of its own"],
  ["touch agent.py", "left `agent.py` in DATA_DIR, where a bundle has one of its own"],
  ["touch 'a\\b'", 'left "a\\\\b" in DATA_DIR, a name that an archive cannot have everywhere'],
  ["touch \"$(printf 'a\\377')\"", "a name that an archive cannot have everywhere"],
  ["mkdir \"$(printf 'a\\377')\"", "a name that an archive cannot have everywhere"],
])("row P14: refuses what a bundle cannot hold: %s", async (script, message) => {
  await using place = await temporaryStore();
  await expect(left(place, script)).rejects.toMatchObject({ code: "build-failed", message: expect.stringContaining(message) as string });
});

it("row P14: says where a script should be that is not there", async () => {
  await using place = await temporaryStore();
  await expect(runScript(place.ctx, pkg, "pre-build", "scripts/none", sceneIn(place.directory))).rejects.toMatchObject({ code: "build-failed", message: "`greet` has no `scripts/none` at this revision", hint: "pre-build names a file in the package's directory; is it committed?" });
});

it("row P14: ends a script that is stopped, and what it started", async () => {
  await using place = await temporaryStore();
  const scene = sceneIn(place.directory);
  writeFileSync(join(scene.source, "slow.sh"), "sleep 600 & echo started; wait\n");
  const controller = new AbortController();
  const ctx = { ...place.ctx, run: ((argv, options) => place.ctx.run(argv, { ...options, signal: controller.signal, onLine: () => controller.abort() })) as typeof place.ctx.run };
  await expect(runScript(ctx, pkg, "pre-build", "slow.sh", scene)).rejects.toMatchObject({ code: "cancelled" });
});
