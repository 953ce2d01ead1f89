import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readWorkspace } from "../../src/config/index.ts";
import { CaissonError, type Workspace } from "../../src/model/index.ts";
import { completePlatform, platformFromFacts, platformPreset } from "../../src/python/index.ts";
import { createContext, temporaryDirectory, type TemporaryDirectory } from "../../src/system/index.ts";

let scratch: TemporaryDirectory;
beforeEach(async () => {
  scratch = await temporaryDirectory("caisson platforms");
});
afterEach(() => scratch[Symbol.asyncDispose]());

const amazon = platformFromFacts({ os: { id: "amzn", release: "2023" }, arch: "aarch64", libc: { family: "glibc", version: "2.34" }, python: "3.9.20" }, "ran");

async function read(toml: string, files: Readonly<Record<string, string>> = {}): Promise<Workspace> {
  for (const [name, text] of Object.entries({ ...files, "caisson.toml": `${toml}\n[packages.shop]\nkind = "files"\npath = "."\n` })) {
    await mkdir(dirname(join(scratch.path, name)), { recursive: true });
    await writeFile(join(scratch.path, name), text);
  }
  return await readWorkspace(createContext({ cwd: scratch.path, env: {}, report: () => undefined, signal: new AbortController().signal }), ".");
}

async function mistakes(toml: string, files?: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const error = await read(toml, files).catch((thrown: unknown) => thrown);
  if (!(error instanceof CaissonError)) throw new Error("there is a mistake in it");
  return error.problems.map(({ line, message, hint }) => `${line ?? 0} ${message}${hint === undefined ? "" : ` (${hint})`}`);
}

it("takes a platform from a document that a machine wrote, under the label that it is given", async () => {
  const { platforms } = await read('[workspace]\nplatforms = ["debian-12", "amazon"]\n[platforms.amazon]\nfile = "platforms/amazon.json"', { "platforms/amazon.json": JSON.stringify(completePlatform(amazon)) });
  expect(platforms).toEqual([platformPreset("debian-12"), { ...amazon, label: "amazon" }]);
});

it("takes a known platform as a machine described it, where it is one", async () => {
  const own = platformFromFacts({ os: { id: "debian", release: "12" }, arch: "x86_64", libc: { family: "glibc", version: "2.36" }, python: "3.11.9" }, "ran");
  const { os: _, ...pex } = completePlatform(own);
  expect((await read('[workspace]\nplatforms = ["debian-12"]\n[platforms.debian-12]\nfile = "d.json"', { "d.json": JSON.stringify(pex) })).platforms).toEqual([own]);
});

it("says what is wrong with such a document, all at once", async () => {
  const table = '[workspace]\nplatforms = ["debian-12", "amazon", "gone", "No"]\n[platforms.debian-12]\nfile = "a.json"\n[platforms.amazon]\nfile = "a.json"\npython = "3.11"\n[platforms.gone]\nfile = "gone.json"\n[platforms.No]\nfile = "a.json"';
  expect(await mistakes(table, { "a.json": JSON.stringify(completePlatform(amazon)) })).toEqual([
    "4 `a.json` is not of `debian-12`: it has glibc 2.34, CPython 3.9, aarch64, and that has glibc 2.36, CPython 3.11, x86_64; call the platform something else, `debian-12-own`",
    "6 `file` and `python` say the same thing; the Python that `a.json` describes is taken; take `python` away",
    "9 there is no file `gone.json`; caisson platform probe USER@HOST > FILE",
    "11 `No` cannot be a platform's label; small letters, digits, and `-` between them",
  ]);
  expect(await mistakes('[workspace]\nplatforms = ["x"]\n[platforms.x]\nfile = "x.json"', { "x.json": "{}" })).toEqual(["4 `x.json` has no `marker_environment` of texts or no `compatible_tags` (caisson platform probe writes such a file)"]);
  expect(await mistakes('[workspace]\nplatforms = ["windows-11"]')).toEqual([expect.stringMatching(/^2 unknown platform `windows-11` \(known: debian-8, .*any other by a `file` under \[platforms\.windows-11\]\)$/)]);
});
