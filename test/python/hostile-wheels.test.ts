import { describe, expect, it } from "vitest";
import { CaissonError, mediaTypes } from "../../src/model/index.ts";
import { bytesSource, readWheel } from "../../src/python/index.ts";
import { sha256 } from "../../src/system/index.ts";
import { hostileWheels } from "./hostile-wheels.ts";
import { makeWheel, readMade } from "./made-wheel.ts";

describe("hostile wheels are refused with the rule they break", () => {
  it.each(hostileWheels.map(({ rule, what, wheel }) => [`${rule}: ${what}`, rule, wheel] as const))("wheels %s", async (_, rule, wheel) => {
    const error = await readMade(wheel).then(
      () => "it was accepted",
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(CaissonError);
    expect(error).toMatchObject({ code: "wheel-invalid", message: expect.stringMatching(new RegExp(`^${rule}: `)) as string });
  });
});

it("the corpus has at least 60 cases, each said once, and the wheel they change is a good one", async () => {
  expect(new Set(hostileWheels.map(({ rule, what }) => `${rule} ${what}`)).size).toBe(hostileWheels.length);
  expect(hostileWheels.length).toBeGreaterThanOrEqual(60);
  expect((await readMade()).warnings).toEqual([]);
});

it("every rule about containers has a case, and those about content that refuse", () => {
  const rules = new Set(hostileWheels.map(({ rule }) => rule));
  const wanted = [...Array.from({ length: 15 }, (_, at) => `Z${at + 1}`), "W1", "W2", "W3", "W4", "W7", "W8", "W9", "W10", "W11", "W14", "W22"];
  expect(wanted.filter((rule) => !rules.has(rule))).toEqual([]);
});

it("a wheel of which one byte was changed is refused, or installs the same files", async () => {
  const { fileName, bytes } = makeWheel({ members: { "demo/__init__.py": { deflate: true } } });
  const installed = async (wheel: Buffer): Promise<string> => {
    const { tree } = await readWheel(fileName, { digest: sha256("the same wheel"), size: wheel.length, mediaType: mediaTypes.wheel }, bytesSource(wheel));
    return JSON.stringify(tree.entries.map((entry) => (entry.kind === "file" ? [entry.path, entry.digest] : entry)));
  };
  const honest = await installed(bytes);
  const outcomes = await Promise.all(
    Array.from(bytes, async (byte, at) => {
      const changed = Buffer.from(bytes);
      changed[at] = byte ^ (1 << at % 8);
      return await installed(changed).then(
        (files) => (files === honest ? "same" : `byte ${at} changes what is installed`),
        (error: unknown) => (error instanceof CaissonError && /^[ZW]\d+: /.test(error.message) ? "refused" : `byte ${at}: ${String(error)}`),
      );
    }),
  );
  expect(outcomes.filter((outcome) => outcome !== "same" && outcome !== "refused")).toEqual([]);
  expect(outcomes.filter((outcome) => outcome === "refused").length).toBeGreaterThan(bytes.length / 2);
});
