import { describe, expect, it } from "vitest";
import { assemblePayload, type InstalledDistribution } from "../../src/build/payload/payload.ts";
import { launcherTree } from "../../src/formats/index.ts";
import { mediaTypes, type Distribution, type Package, type PackageName, type Payload, type Revision } from "../../src/model/index.ts";
import { platformPreset } from "../../src/python/index.ts";
import { hashJson, treeId } from "../../src/system/index.ts";

const platform = platformPreset("debian-12")!;
const revision: Revision = { id: "1".repeat(40), time: 1_700_000_000, dirty: false, ref: "v1.0" };
const pkg: Package = { name: "web" as PackageName, written: "Web", kind: "python", source: { path: "web" }, needs: [], extras: [], prefix: "", link: "auto", processes: [{ name: "web", argv: ["web"], environment: {}, requires: [] }], start: [], hooks: [], health: { url: "http://127.0.0.1:8000/" } };

/** A distribution of one module, that says what it needs. */
function installed(name: string, how: { readonly version?: string; readonly requires?: readonly string[]; readonly elf?: Distribution["elf"] } = {}): InstalledDistribution {
  const entry = { kind: "file", path: `site/${name}.py`, mode: 0o644, digest: hashJson(name), size: 1, source: { from: "member", blob: hashJson([name]), member: `${name}.py` } } as const;
  const tree = { schema: "caisson.tree/1", id: treeId([entry]), entries: [entry] } as const;
  const version = how.version ?? "1.0";
  const wheel = { digest: hashJson([name]), size: 10, mediaType: mediaTypes.wheel };
  return {
    distribution: { name: name as PackageName, version, wheel, fileName: `${name}-${version}-py3-none-any.whl`, tree, requires: how.requires ?? [], warnings: [], ...(how.elf === undefined ? {} : { elf: how.elf }) },
    document: { digest: hashJson(tree), size: 1, mediaType: mediaTypes.tree },
  };
}

function payloadOf(made: ReturnType<typeof assemblePayload>): Payload {
  if ("problems" in made) throw new Error(made.problems.map(({ message }) => message).join("\n"));
  return made.payload;
}

describe("assemblePayload", () => {
  it("puts what changes most rarely first: dependencies, siblings, the package itself", () => {
    const payload = payloadOf(assemblePayload(pkg, "1.0", revision, platform, { kind: "python", dependencies: [installed("zope"), installed("attrs")], siblings: [installed("util")], own: installed("web") }));
    expect(payload.distributions.map(({ name }) => name)).toEqual(["attrs", "zope", "util", "web"]);
    expect(payload.trees.map(({ id }) => id)).toEqual(payload.distributions.map(({ tree }) => tree));
  });

  it("does not depend on the order in which wheels were read, nor on the word by which the commit was asked for", () => {
    const make = (dependencies: readonly InstalledDistribution[], ref: string) => payloadOf(assemblePayload(pkg, "1.0", { ...revision, ref }, platform, { kind: "python", dependencies, siblings: [], own: installed("web") }));
    expect(hashJson(make([installed("a"), installed("b")], "v1.0"))).toBe(hashJson(make([installed("b"), installed("a")], "main")));
  });

  it("tells hosts nothing of what chooses distributions", () => {
    const { tags: _, markers: __, ...where } = platform;
    expect(payloadOf(assemblePayload(pkg, "1.0", revision, platform, { kind: "python", dependencies: [], siblings: [], own: installed("web") })).platform).toEqual(where);
  });

  it("lists every blob once, sorted by digest", () => {
    const { blobs } = payloadOf(assemblePayload(pkg, "1.0", revision, platform, { kind: "python", dependencies: [installed("a"), installed("b")], siblings: [], own: installed("web") }));
    expect(blobs.map(({ digest }) => digest)).toEqual([...new Set([hashJson(["a"]), hashJson(["b"]), hashJson(["web"])])].toSorted());
  });

  it("row P7: reports all broken requirements at once, and makes no payload", () => {
    const made = assemblePayload(pkg, "1.0", revision, platform, { kind: "python", dependencies: [installed("a", { requires: ["b>=2"] }), installed("b")], siblings: [], own: installed("web", { requires: ["missing"] }) });
    expect("problems" in made && made.problems.map(({ code }) => code)).toEqual(["requirements-broken", "requirements-broken"]);
  });

  it("names the ABI only where something was compiled for one", () => {
    const elf = { musl: false, machines: ["x86_64"], needed: [], escapes: false, glibc: "2.17" } as const;
    const interpreterWith = (dependency: InstalledDistribution) => payloadOf(assemblePayload(pkg, "1.0", revision, platform, { kind: "python", dependencies: [dependency], siblings: [], own: installed("web") })).interpreter;
    expect([interpreterWith(installed("a")), interpreterWith(installed("a", { elf }))]).toEqual([{ from: "host", version: "3.11" }, { from: "host", version: "3.11", soabi: "cpython-311-x86_64-linux-gnu" }]);
  });

  it("lays what starts its processes beside its environment, and lets no wheel take that place", () => {
    const tree = launcherTree(pkg.name, pkg.processes)!;
    const launchers = { tree, document: { digest: hashJson(tree), size: 1, mediaType: mediaTypes.tree } };
    const payload = payloadOf(assemblePayload(pkg, "1.0", revision, platform, { kind: "python", dependencies: [], siblings: [], own: installed("web") }, { launchers }));
    expect(payload.trees[0]).toEqual({ id: tree.id, document: launchers.document });
    expect(payload.links).toContainEqual({ how: "hardlink", path: "processes/web", tree: tree.id, to: "root/processes/web" });
    const entry = { kind: "file", path: "root/processes/mine", mode: 0o644, digest: hashJson("x"), size: 1, source: { from: "blob", blob: hashJson("x") } } as const;
    const taken = assemblePayload({ ...pkg, kind: "files" }, "1.0", revision, platform, { kind: "files", tree: { schema: "caisson.tree/1", id: treeId([entry]), entries: [entry] }, document: launchers.document, blobs: [] }, { launchers });
    expect("problems" in taken && taken.problems).toMatchObject([{ code: "collision", message: "`Web` installs `processes`, which is where what starts its processes lies" }]);
  });

  it("gives a files package its files, no interpreter, and its processes", () => {
    const entry = { kind: "file", path: "root/etc/shop.ini", mode: 0o644, digest: hashJson("x"), size: 1, source: { from: "blob", blob: hashJson("x") } } as const;
    const tree = { schema: "caisson.tree/1", id: treeId([entry]), entries: [entry] } as const;
    const blob = { digest: hashJson("x"), size: 1, mediaType: mediaTypes.bytes };
    const payload = payloadOf(assemblePayload({ ...pkg, kind: "files" }, "1.0", revision, platform, { kind: "files", tree, document: { ...blob, mediaType: mediaTypes.tree }, blobs: [blob, blob] }));
    expect(payload.links).toEqual([{ how: "symlink", path: "etc", tree: tree.id, to: "root/etc" }]);
    expect([payload.interpreter, payload.blobs, payload.processes.length]).toEqual([undefined, [blob], 1]);
  });
});
