import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeHome, type Home } from "../support/machine.ts";

let home: Home;
let place: string;
beforeEach(() => {
  home = makeHome();
  place = join(home.directory, "a folder");
  mkdirSync(place);
  writeFileSync(join(place, "requirements.txt"), "markupsafe\n");
});
afterEach(() => home.remove());

function caisson(words: string, env: Readonly<Record<string, string>> = {}): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const { status, stdout, stderr } = spawnSync("sh", ["-ec", `caisson ${words}`], { cwd: place, env: { ...home.env, ...env }, encoding: "utf8" });
  return { status, stdout, stderr: stderr.split("\n").filter((line) => !line.startsWith("  ")).join("\n") };
}

it("rows N2, P15: --store and CAISSON_STORE move the store, --offline builds from it alone, and cleaning names what it removes and keeps the rest", () => {
  const nowhere = { UV_DEFAULT_INDEX: "http://127.0.0.1:9/simple", PIP_INDEX_URL: "http://127.0.0.1:9/simple" };
  const build = (version: string, words: string, env: Readonly<Record<string, string>> = {}): ReturnType<typeof caisson> => {
    writeFileSync(join(place, "VERSION"), `${version}\n`);
    return caisson(`build --on-disk --platform debian-12 ${words}`, env);
  };
  expect(build("1.0", "--store '../other store'")).toMatchObject({ status: 0 });
  expect(existsSync(join(home.directory, ".local"))).toBe(false);
  expect(build("1.1", "--offline", { CAISSON_STORE: "../other store" })).toMatchObject({ status: 0, stdout: "dist/a-folder-1.1-debian-12.tar.gz\n" });
  // Another store has nothing, and nobody else may be asked.
  expect(build("1.2", "--offline", { ...nowhere, CAISSON_STORE: "../empty store" })).toMatchObject({ status: 1, stdout: "", stderr: expect.stringContaining("error: nothing is locked for `a-folder` on debian-12, and the network is not to be used") as string });

  const store = { CAISSON_STORE: "../other store" };
  expect(build("1.2", "--to-stack 7 --create", store)).toMatchObject({ status: 0 });
  expect(build("1.10", "", store)).toMatchObject({ status: 0 });
  expect(caisson("store list --wheels", store).stdout).toMatch(/^stack +a-folder@7 +open, 1 package\n(?:artifact +a-folder-1\.\d+-debian-12\.tar\.gz +\d+ kB\n){4}wheel +markupsafe-\S+\.whl +\d+ kB\n$/);
  const gone = /^artifact {2}a-folder-1\.0-debian-12\.tar\.gz +in no stack\nartifact {2}a-folder-1\.1-debian-12\.tar\.gz +in no stack\nothers {4}\d+ without a name +[\d.]+ kB\n/;
  expect(caisson("store clean --keep 1 --grace 0", store)).toMatchObject({ status: 1, stdout: expect.stringMatching(new RegExp(`${gone.source}$`)) as string, stderr: "hint: add --yes\n" });
  expect(caisson("store clean --keep 1 --grace 0 --yes", store)).toMatchObject({ status: 0, stdout: expect.stringMatching(new RegExp(`${gone.source}freed \\d+ kB\n$`)) as string });
  expect(caisson("store list", store).stdout).toMatch(/^stack .*\nartifact +a-folder-1\.10-\S+ .*\nartifact +a-folder-1\.2-\S+ .*\nwheels +1 .*\n$/);
  expect(caisson("store verify", store)).toMatchObject({ status: 0 });

  // Row N10: what was kept is used again, and what went is made again from it.
  expect(build("1.10", "--offline", store)).toMatchObject({ status: 0, stderr: expect.stringMatching(/^nothing to build; sha256 /) as string });
  expect(build("1.0", "--offline", store)).toMatchObject({ status: 0, stderr: expect.stringMatching(/^sha256 /) as string });
});
