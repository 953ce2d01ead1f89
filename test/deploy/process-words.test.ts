import { expect, it } from "vitest";
import { chooseProcesses, expandWords } from "../../src/deploy/process-words.ts";
import type { Process } from "../../src/model/index.ts";
import { payloadOf } from "./samples.ts";

function process(name: string, argv: readonly string[] = [name], requires: readonly string[] = []): Process {
  return { name, argv, environment: {}, requires };
}

const payload = {
  ...payloadOf({ name: "core", version: "1", trees: [], document: "1", processes: [process("web"), process("engine"), { ...process("nightly"), schedule: "daily" }] }).document.payload,
  start: [{ when: { CPS_WEBSERVER: "1" }, process: "web" }, { process: "engine" }],
};

it("row N5: starts the first process whose variables have the wanted values", () => {
  expect(chooseProcesses(payload, { CPS_WEBSERVER: "1" }).map(({ name }) => name)).toEqual(["web"]);
  expect(chooseProcesses(payload, { CPS_WEBSERVER: "0" }).map(({ name }) => name)).toEqual(["engine"]);
  expect(chooseProcesses(payload, {}).map(({ name }) => name)).toEqual(["engine"]);
});

it("starts every process where there is no start table, but none that a timer starts", () => {
  expect(chooseProcesses({ ...payload, start: [] }, {}).map(({ name }) => name)).toEqual(["web", "engine"]);
});

it("puts values into words, and never makes two words of one", () => {
  const words = expandWords(process("x", ["run", "--name=${NAME}", "$NAME/$OTHER", "50$", "$$", "a$1"]), { NAME: "a b; rm -rf /", OTHER: "$NAME" });
  expect(words).toEqual(["run", "--name=a b; rm -rf /", "a b; rm -rf //$NAME", "50$", "$$", "a$1"]);
});

it("names what is missing, all that is required at once", () => {
  expect(() => expandWords(process("engine", ["python"], ["ENGINE_NAME", "ENGINE_MODULE"]), { ENGINE_NAME: "e", ENGINE_MODULE: "" })).toThrow("set ENGINE_MODULE (process `engine` needs ENGINE_NAME and ENGINE_MODULE)");
  expect(() => expandWords(process("web", ["serve", "$PORT"]), {})).toThrow("set PORT (process `web` uses it)");
});
