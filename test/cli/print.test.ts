import { expect, it } from "vitest";
import { printError } from "../../src/cli/print.ts";
import { CaissonError } from "../../src/model/index.ts";

it("tells mistakes of one kind together: what caused them once, hints last and each once", () => {
  const wrong = { code: "config-invalid", message: "wrong", file: "pylock.toml", hint: "write it anew" } as const;
  expect(printError(new CaissonError([{ ...wrong, line: 3 }, { ...wrong, line: 7 }], new Error("first\nsecond", { cause: new Error("why") })), false)).toBe("error: pylock.toml:3: wrong\nerror: pylock.toml:7: wrong\n  caused by: first\n    second\n  caused by: why\nhint: write it anew");
});

it("tells failures that have causes of their own one by one", () => {
  expect(printError(new CaissonError([{ code: "build-failed", message: "a failed", cause: "no a", hint: "log of a" }, { code: "build-failed", message: "b failed", cause: "no b", hint: "log of b" }]), false)).toBe("error: a failed\n  caused by: no a\nhint: log of a\nerror: b failed\n  caused by: no b\nhint: log of b");
});

it("shows what would move the cursor, or end a line", () => {
  expect(printError(new CaissonError([{ code: "usage", message: "there is no `a\nb\u001b[2J`" }]), false)).toBe("error: there is no `a\\x0ab\\x1b[2J`");
});
