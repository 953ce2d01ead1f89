import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CaissonError, type Problem } from "../../src/model/index.ts";
import { isLockFileName, parseLock, platformPreset, printLock, select } from "../../src/python/index.ts";

const HASH = "0".repeat(64);
const HEAD = `lock-version = "1.0"\ncreated-by = "somebody"\n`;
const wheel = (fileName: string, rest = ""): string => `{ url = "https://files.example.com/${fileName}", hashes = { sha256 = "${HASH}" }${rest} }`;
const lockOf = (body: string, file = "pylock.toml") => parseLock(file, `${HEAD}${body}`);
const oneWheel = (fileName: string, rest = "") => `[[packages]]\nname = "x"\nversion = "1.0"\n${rest}\nwheels = [${wheel(fileName)}]\n`;

function problemsOf(work: () => unknown): readonly Problem[] {
  try {
    work();
  } catch (error) {
    if (error instanceof CaissonError) return error.problems;
    throw error;
  }
  return [];
}
const messagesOf = (body: string, file?: string): readonly string[] => problemsOf(() => lockOf(body, file)).map(({ message }) => message);

const uvLock = readFileSync(new URL("samples/pylock.uv.toml", import.meta.url), "utf8");

test("what uv exports is read, and chosen from for each platform", () => {
  const lock = parseLock("pylock.uv.toml", uvLock);
  expect(lock.packages.map(({ name, version }) => `${name} ${version}`)).toContain("numpy 2.5.5");
  const chosen = select(lock, platformPreset("debian-12-py312") ?? expect.fail());
  expect(chosen).toMatchObject({ choices: expect.arrayContaining([expect.objectContaining({ name: "numpy", build: false, file: expect.objectContaining({ fileName: expect.stringMatching(/cp312-cp312-manylinux.*x86_64\.whl$/) }) })]) });
});

test("wheels P18: a lock that we printed reads and prints as the same bytes", () => {
  const printed = printLock(parseLock("pylock.uv.toml", uvLock));
  expect(printLock(parseLock("pylock.uv.toml", printed))).toBe(printed);
  expect(printed).not.toBe(uvLock);
});

test("wheels P1: a lock is named pylock.toml or pylock.<one word>.toml", () => {
  expect(["pylock.toml", "pylock.debian-12.toml", "pylock..toml", "pylock.a.b.toml", "poetry.lock", "xpylock.toml"].map(isLockFileName)).toEqual([true, true, false, false, false, false]);
  expect(messagesOf("packages = []", "deep/pylock..toml")).toEqual(["`the file` is named `pylock..toml`, but a lock is named `pylock.toml` or `pylock.<one word>.toml`"]);
});
