import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { printEventsSchema } from "../../src/cli/events-schema.ts";
import { findFaults } from "../support/json-schema.ts";
import { project, type Home } from "../support/machine.ts";
import { makeHello, type Hello } from "./hello.ts";

const schema: unknown = JSON.parse(printEventsSchema());

type Line = Readonly<Record<string, unknown>>;

let home: Home;
let work: string;
let build: Hello["build"];
beforeEach(() => {
  ({ home, work, build } = makeHello('[targets.production]\nhosts = ["local:h1", "local:h2", "local:h3"]\nrollout = { healthy_deadline = "2s", max_failed = 1 }\n'));
});
afterEach(() => home.remove());

/** Run a command, and hold every line of its output against the schema. */
function eventsOf(...words: readonly string[]): readonly Line[] {
  const { stdout, stderr } = spawnSync("caisson", [...words, "--json"], { cwd: work, env: home.env, encoding: "utf8" });
  const lines = stdout.split("\n").slice(0, -1).map((line) => JSON.parse(line) as Line);
  expect(lines.flatMap((line) => findFaults(schema, line, JSON.stringify(line))), stderr).toEqual([]);
  return lines;
}

describe("events for programs", () => {
  it("row P13: are as the schema says, whatever comes of the hosts; the version first, counted, and on a clock that never goes back", () => {
    build("1.0", "good");
    mkdirSync(join(work, "h2/versions"), { recursive: true });
    writeFileSync(join(work, "h2/versions/current"), "no link");
    const first = eventsOf("deploy", "--to", "production");
    expect(first[0]).toEqual({ type: "version", schema: "1.1" });
    const events = first.slice(1);
    expect(new Set(events.map(({ run }) => run)).size).toBe(1);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, at) => at + 1));
    expect(events.map(({ ms }) => ms)).toEqual(events.map(({ ms }) => ms as number).toSorted((a, b) => a - b));
    expect(events.at(-1)).toMatchObject({ type: "result", ref: "hello@1.0", status: 4, hosts: [{ host: "local:h1", outcome: "done" }, { host: "local:h2", outcome: "not-done", problem: { code: "host-unfit" } }, { host: "local:h3", outcome: "done" }] });
    build("1.1", "bad");
    expect(eventsOf("deploy", "--to", "production").at(-1)).toMatchObject({ status: 3 });
    expect(eventsOf("prune", "--to", "production", "--keep", "0").at(-1)).toMatchObject({ type: "result", action: "prune" });
    expect(eventsOf("deploy", "--to", "nowhere").at(-1)).toMatchObject({ type: "error", seq: 1, status: 2, problems: [{ code: "target-unknown", message: "there is no target `nowhere`" }] });
  });

  it("tell of each host, by step, with the run's number there and the bytes that were sent", () => {
    build("1.0", "good");
    const events = eventsOf("deploy", "--to", "production");
    const mine = events.filter(({ type, host }) => type === "step" && host === "local:h3");
    expect([...new Set(mine.map(({ step }) => step))]).toEqual(["connect", "hold", "receive", "tree", "stage", "activate", "check", "confirm"]);
    expect(mine.filter(({ step }) => step === "confirm")).toMatchObject([{ result: "begun" }, { result: "done", generation: 1 }]);
    expect(mine.filter(({ step, bytes }) => step === "receive" && Number(bytes) > 0).length).toBeGreaterThan(1);
    expect(events.filter(({ type }) => type === "phase").map(({ phase, hosts }) => [phase, (hosts as readonly string[]).length])).toEqual([["hold", 3], ["stage", 3], ["canary", 1], ["switch", 2]]);
  });

  it("are described by a page that is the one in docs/reference", () => {
    expect(readFileSync(join(project, "docs/reference/events.schema.json"), "utf8")).toBe(printEventsSchema());
  });
});
