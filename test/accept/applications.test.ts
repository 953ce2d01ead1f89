import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultPythonMinor, makeHome, type Home } from "../support/machine.ts";
import { acceptApplication, readApplications } from "./application.ts";

const all = process.env["ACCEPT"] === "all";
const applications = readApplications();

describe.skipIf(defaultPythonMinor() !== "3.11")("applications of the public index, built, installed and run beside pip's install (needs python3 to be 3.11)", () => {
  let home: Home;
  beforeAll(() => {
    home = makeHome();
  });
  afterAll(() => home.remove());

  it.each(applications.filter(({ sample }) => all || sample))("$name is what pip makes of it, and runs", (application) => {
    const { differences, ours, theirs } = acceptApplication(home, application);
    expect(differences).toEqual([]);
    expect(ours).toEqual(theirs);
    expect(ours).toMatchObject({ status: 0 });
  }, 600_000);
});

it("has at least 25 applications, and 8 of them in every run", () => {
  expect(applications.length).toBeGreaterThanOrEqual(25);
  expect(applications.filter(({ sample }) => sample)).toHaveLength(8);
});
