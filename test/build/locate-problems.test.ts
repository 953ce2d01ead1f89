import { expect, it } from "vitest";
import { readByLines } from "../../src/build/lock/locate-problems.ts";
import { CaissonError } from "../../src/model/index.ts";
import { parseLock } from "../../src/python/index.ts";

function problemsOf(text: string): readonly string[] {
  try {
    readByLines(text, "caisson lock web", () => parseLock("web/pylock.toml", text));
  } catch (error) {
    if (!(error instanceof CaissonError)) throw error;
    return error.problems.map(({ file, line, message, hint }) => `${file ?? ""}:${line ?? ""} ${message}; ${hint ?? ""}`);
  }
  return [];
}

it("a broken lock is told of with its lines, and with what makes it anew", () => {
  expect(problemsOf('lock-version = "2.0"\ncreated-by = "x"\npackages = []\n')).toEqual(["web/pylock.toml:1 `lock-version` is 2.0, and only version 1 is known here; write it anew: caisson lock web"]);
  expect(problemsOf('lock-version = "1.0"\ncreated-by = "x"\npackages = [\n')).toEqual([expect.stringMatching(/^web\/pylock\.toml:[34] `web\/pylock\.toml` is not TOML: .*; write it anew: caisson lock web$/)]);
  expect(problemsOf('lock-version = "1.0"\n\n[[packages]]\nname = "a"\nversion = "1.0"\n\n[[packages]]\nname = "B"\n[[packages.wheels]]\nname = "B-1.0-py3-none-any.whl"\nurl = "https://x.example/B"\nsize = true\n')).toEqual([
    "web/pylock.toml: `created-by` is missing; write it anew: caisson lock web",
    "web/pylock.toml:3 `packages[0]` names no file and no source; write it anew: caisson lock web",
    "web/pylock.toml:8 `packages[1].name` must be in its normal form, `b`; write it anew: caisson lock web",
    "web/pylock.toml:9 `packages[1].wheels[0].hashes` is missing; write it anew: caisson lock web",
    "web/pylock.toml:12 `packages[1].wheels[0].size` must be a whole number, not true; write it anew: caisson lock web",
    "web/pylock.toml:9 `packages[1].wheels` holds `B-1.0-py3-none-any.whl`, which is not of `B`; write it anew: caisson lock web",
  ]);
});

it("what is no problem of the lock is thrown as it is", () => {
  expect(() => readByLines("", "x", () => {
    throw new TypeError("a bug");
  })).toThrow(TypeError);
});
