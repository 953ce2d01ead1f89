import { expect, it } from "vitest";
import { waysBack } from "../../src/deploy/plan/ways-back.ts";
import type { ObservedHost } from "../../src/deploy/observe/observed-host.ts";
import type { HostState, Label, Release } from "../../src/model/index.ts";

/** A host on a release, with the one before it; its releases in the order in which they were staged. */
function on(current: string | null, previous: string | null, releases: readonly string[] = ["1.0", "1.1", "1.2"]): ObservedHost {
  return { host: { name: "", via: "local", address: "", root: "/" }, state: { current, previous, releases: releases.map((label) => ({ label }) as unknown as Release) } as unknown as HostState };
}

it.each<readonly [string, readonly ObservedHost[], readonly (string | null)[]]>([
  ["goes to what ran before", [on("1.1", "1.0"), on("1.1", "1.0")], ["1.0", "1.0"]],
  ["goes to each host's own where they had different ones", [on("1.2", "1.1"), on("1.2", "1.0")], ["1.1", "1.0"]],
  ["stays where a host went back already, and takes the others along", [on("1.0", "1.1"), on("1.1", "1.0")], ["1.0", "1.0"]],
  ["stays where all went back already", [on("1.0", "1.1"), on("1.0", "1.1")], ["1.0", "1.0"]],
  ["stays where the last deploy never came", [on("1.2", "1.1"), on("1.1", "1.0")], ["1.1", "1.1"]],
  ["stays where a host never had another", [on("1.1", "1.0"), on("1.0", null, ["1.0"])], ["1.0", "1.0"]],
  ["goes to what was made by hand", [on("1.1", "by-hand")], ["by-hand"]],
  ["has nowhere to go from a first release", [on("1.0", null, ["1.0"])], [null]],
])("row P12: a rollback without a release %s", (_, hosts, wanted) => {
  const { to, problems } = waysBack(hosts, undefined);
  expect([hosts.map(to), problems]).toEqual([wanted, []]);
});

it("row P12: a rollback without a release asks for one where the hosts would not come together", () => {
  const hosts = [on("1.2", "1.1"), on("1.0", "0.9", ["0.9", "1.0"])];
  expect(waysBack(hosts, undefined).problems).toMatchObject([{ code: "host-changed", message: expect.stringMatching(/^these hosts are not one step from the same release: 1\.2 on .*; 1\.0 on /) as string, hint: "say which: --to-release LABEL" }]);
  expect(waysBack(hosts, "1.0" as Label)).toMatchObject({ problems: [] });
});
