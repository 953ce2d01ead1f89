import { expect, it } from "vitest";
import { chooseProcesses, decideStart } from "../../src/deploy/plan/choose-processes.ts";
import type { Process } from "../../src/model/index.ts";
import { payloadOf } from "./samples.ts";

function process(name: string): Process {
  return { name, argv: [name], environment: {}, requires: [] };
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

it("decides a start table by a target's values, so that a plan needs none of them", () => {
  const names = (values: Readonly<Record<string, string>>) => chooseProcesses(decideStart(payload, new Map(Object.entries(values))), { CPS_WEBSERVER: "1" }).map(({ name }) => name);
  expect([names({ CPS_WEBSERVER: "1" }), names({})]).toEqual([["web"], ["engine"]]);
  const only = { ...payload, start: [{ when: { CPS_WEBSERVER: "1" }, process: "web" }] };
  expect(chooseProcesses(decideStart(only, new Map()), { CPS_WEBSERVER: "1" })).toEqual([]);
});
