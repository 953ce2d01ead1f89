import { describe, expect, it } from "vitest";
import { choosePackages } from "../../src/build/build.ts";
import { orderPackages, siblingsOf } from "../../src/build/order.ts";
import type { Package, PackageName } from "../../src/model/index.ts";

const pkg = (written: string, ...needs: readonly string[]): Package => ({ name: written.toLowerCase() as PackageName, written, kind: "python", source: { path: written }, needs: needs.map((need) => need.toLowerCase() as PackageName), extras: [], prefix: "", link: "auto", processes: [], start: [], hooks: [] });

const nine = [
  pkg("occo-demo", "occo-api"),
  pkg("occo-api", "occo-enactor", "occo-infraprocessor", "occo-cloudhandler", "occo-servicecomposer", "occo-compiler"),
  pkg("occo-servicecomposer", "occo-util", "occo-infobroker"),
  pkg("occo-cloudhandler", "occo-util", "occo-infobroker"),
  pkg("occo-infraprocessor", "occo-util", "occo-infobroker"),
  pkg("occo-enactor", "occo-util", "occo-compiler", "occo-infobroker"),
  pkg("occo-infobroker", "occo-util"),
  pkg("occo-compiler", "occo-util"),
  pkg("occo-util"),
];

function order(packages: readonly Package[]): readonly string[] {
  const result = orderPackages(packages);
  return "order" in result ? result.order.map(({ written }) => written) : [`cycle ${result.cycle.join(" ")}`];
}

it("chooses what is written down where nothing is named, and what is implied only by its name", () => {
  const workspace = { directory: "/", name: "shop" as PackageName, platforms: [], interpreters: {}, packages: [pkg("web", "lib"), { ...pkg("lib"), implied: true as const }], targets: [], index: { findLinks: [] } };
  const chosen = (...names: readonly string[]): readonly string[] => choosePackages(workspace, names.length === 0 ? undefined : (names as readonly PackageName[])).map(({ name }) => name);
  expect([chosen(), chosen("lib"), chosen("lib", "web")]).toEqual([["web"], ["lib"], ["lib", "web"]]);
});

describe("orderPackages", () => {
  it("row W8: puts Util first and Demo last of the nine packages", () => {
    expect(order(nine).join(" ")).toBe("occo-util occo-compiler occo-infobroker occo-cloudhandler occo-enactor occo-infraprocessor occo-servicecomposer occo-api occo-demo");
  });

  it("row W7: gives one order, however the packages are listed", () => {
    expect(order(nine.toReversed())).toEqual(order(nine));
  });

  it("row W7: reports a cycle with its members and nothing else", () => {
    expect(order([pkg("outside", "a"), pkg("a", "b"), pkg("b", "c", "leaf"), pkg("c", "a"), pkg("leaf")])).toEqual(["cycle a b c"]);
  });

  it("does not wait for a package that is not among them", () => {
    expect(order([pkg("web", "util")])).toEqual(["web"]);
  });
});

describe("siblingsOf", () => {
  it("follows needs through other packages, and never names the package itself", () => {
    const [a, b, c] = [pkg("a", "b"), pkg("b", "c", "a"), pkg("c")] as const;
    expect(siblingsOf(a, [a, b, c]).map(({ name }) => name)).toEqual(["b", "c"]);
  });
});
