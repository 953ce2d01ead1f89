import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { parseSync } from "oxc-parser";
import { expect, it } from "vitest";

/** Floors of the house: a file imports its own room and any lower floor, never up, never sideways. */
const floors: Readonly<Record<string, number>> = {
  model: 0,
  system: 1,
  python: 2, formats: 2, store: 2, transport: 2,
  config: 2.5,
  build: 3, stack: 3,
  deploy: 4,
  "index.ts": 6,
  cli: 7,
};

const root = join(import.meta.dirname, "../../src");
const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));

interface Import {
  readonly from: string;
  readonly to: string;
}

function importsOf(file: string): readonly Import[] {
  const text = readFileSync(join(root, file), "utf8");
  const { module, errors } = parseSync(file, text);
  expect(errors, file).toEqual([]);
  const specifiers = [
    ...module.staticImports.map((found) => found.moduleRequest.value),
    ...module.staticExports.flatMap((found) => found.entries.flatMap((entry) => entry.moduleRequest?.value ?? [])),
    ...module.dynamicImports.map((found) => text.slice(found.moduleRequest.start + 1, found.moduleRequest.end - 1)),
    ...[...text.matchAll(/\bimport\("(?<path>[^"]+)"\)\./g)].map((found) => found.groups?.["path"] ?? ""),
  ];
  return specifiers.map((to) => ({ from: file, to: to.startsWith(".") ? normalize(join(dirname(file), to)) : to }));
}

const imports = files.flatMap(importsOf);
const local = imports.filter(({ to }) => to.endsWith(".ts"));

function roomOf(file: string): string {
  return file.split("/")[0] ?? "";
}

function lines(path: string): number {
  return readFileSync(path, "utf8").split("\n").length - 1;
}

/** The text of a room's front door. */
function first(room: string): string {
  return readFileSync(join(root, room, room === "cli" ? "main.ts" : "index.ts"), "utf8");
}

it("gives every room a floor", () => {
  expect(files.map(roomOf).filter((room) => !(room in floors))).toEqual([]);
});

it("imports its own room and lower floors only", () => {
  const wrong = local.filter(({ from, to }) => roomOf(from) !== roomOf(to) && (floors[roomOf(to)] ?? 99) >= (floors[roomOf(from)] ?? -1));
  expect(wrong).toEqual([]);
});

it("imports another room through its index", () => {
  const wrong = local.filter(({ from, to }) => roomOf(from) !== roomOf(to) && to.includes("/") && !to.endsWith("/index.ts"));
  expect(wrong).toEqual([]);
});

it("lets the command line see the library alone", () => {
  const wrong = local.filter(({ from, to }) => roomOf(from) === "cli" && roomOf(to) !== "cli" && to !== "index.ts");
  expect(wrong).toEqual([]);
});

it("keeps the model free of imports, node's included", () => {
  expect(imports.filter(({ from, to }) => roomOf(from) === "model" && roomOf(to) !== "model")).toEqual([]);
});

it("starts processes in system and transport only", () => {
  const wrong = imports.filter(({ from, to }) => /^(?:node:)?child_process$/.test(to) && !["system", "transport"].includes(roomOf(from)));
  expect(wrong).toEqual([]);
});

it("reads the process's own environment and directory in the command line only", () => {
  const wrong = files.filter((file) => roomOf(file) !== "cli" && /\bprocess\.(?:env|cwd|stdout|stderr|exit)\b/.test(readFileSync(join(root, file), "utf8")));
  expect(wrong).toEqual([]);
});

it("keeps every file of src under 400 lines, and every module of the agent", () => {
  expect(files.filter((file) => lines(join(root, file)) > 400)).toEqual([]);
  const modules = readdirSync(join(root, "../agent/caisson_agent")).filter((name) => name.endsWith(".py"));
  expect(modules.filter((name) => lines(join(root, "../agent/caisson_agent", name)) > 400)).toEqual([]);
});

it("says at the top of each room what the room is for", () => {
  const rooms = [...new Set(files.filter((file) => file.includes("/")).map(roomOf))];
  expect(rooms.filter((room) => !/^(?:#!.*\n)?\/\*\*\s*(?:\n \* )?[A-Z][^\n]+/.test(first(room)))).toEqual([]);
});

it("has no room named after nothing", () => {
  expect(files.filter((file) => /(?:^|\/)(?:utils?|helpers?|common|misc)(?:\/|\.)/.test(relative(".", file)))).toEqual([]);
});
