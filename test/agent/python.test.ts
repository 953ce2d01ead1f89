import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { project, findPythons } from "../support/machine.ts";

const pythons = findPythons();
const extremes = pythons.length > 1 ? [pythons[0], pythons.at(-1)] : pythons;

describe("agent/test_*.py", () => {
  it.each(extremes.filter((python) => python !== undefined))("passes on CPython $minor, an end of what there is here", ({ path }) => {
    const { status, stderr } = spawnSync(path, ["-B", "-W", "error::ResourceWarning", "-m", "unittest", "discover", "-s", "agent"], { cwd: project, encoding: "utf8" });
    expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
    expect(Number(/^Ran (\d+) tests/m.exec(stderr)?.[1])).toBeGreaterThanOrEqual(29);
  });
});
