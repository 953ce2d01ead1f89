import { describe, expect, it } from "vitest";
import { CaissonError } from "../../src/model/index.ts";
import { hostileWheels } from "./hostile-wheels.ts";
import { readMade } from "./made-wheel.ts";

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
