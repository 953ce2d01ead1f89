import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as { readonly packages: Readonly<Record<string, Readonly<Record<string, unknown>>>> };

it("locks the package of every platform, so that `npm ci` works on all of them", () => {
  const missing = Object.values(lock.packages)
    .flatMap((entry) => Object.keys(entry["optionalDependencies"] ?? {}))
    .filter((name) => !Object.keys(lock.packages).some((at) => at.endsWith(`node_modules/${name}`)));
  expect(missing).toEqual([]);
});

it("runs no install script and names no registry", () => {
  const wrong = Object.entries(lock.packages).filter(([, entry]) => "hasInstallScript" in entry || "resolved" in entry);
  expect(wrong.map(([at]) => at)).toEqual([]);
});

it("gives each error code a heading in docs/errors.md, and no heading to anything else", () => {
  const source = readFileSync(join(root, "src/model/error.ts"), "utf8");
  const union = /export type ErrorCode =(?<codes>[^;]+);/.exec(source)?.groups?.["codes"] ?? "";
  const codes = [...union.matchAll(/"(?<code>[a-z-]+)"/g)].map((found) => found.groups?.["code"] ?? "");
  const headings = [...readFileSync(join(root, "docs/errors.md"), "utf8").matchAll(/^## `(?<code>[^`]+)`$/gm)].map((found) => found.groups?.["code"] ?? "");
  expect(codes.length).toBeGreaterThan(30);
  expect(headings.toSorted()).toEqual(codes.toSorted());
});
