import { delimiter, dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { redirect } from "../../src/build/lock/uv-sources.ts";
import { CaissonError, type Package, type PackageName, type Payload, type Platform } from "../../src/model/index.ts";
import { parseRequirement, platformPreset, readUvIndexes, readUvSources } from "../../src/python/index.ts";
import { serveIndex } from "./index-server.ts";
import { realUv } from "./real-uv.ts";
import { makeWheel } from "./wheelhouse.ts";
import { makeWorkshop } from "./workshop.ts";

const uv = await realUv();

const web: Package = { name: "web" as PackageName, written: "web", kind: "python", source: { path: "packages/web" }, needs: [], extras: [], groups: ["gpu"], prefix: "", link: "auto", processes: [], start: [], hooks: [] };
const debian = platformPreset("debian-12") as Platform;

function ask(text: string, sources: Readonly<Record<string, unknown>>, members: readonly string[] = []): unknown {
  try {
    return redirect(web, { text, requirement: parseRequirement(text) }, { constraints: [], overrides: [], of: readUvSources({ tool: { uv: { sources } } }), indexes: readUvIndexes({ tool: { uv: { index: [{ name: "own", url: "https://own.example.com/simple" }, { url: "https://nameless.example.com" }, { name: "here", url: "./wheels" }] } } }) }, debian, members as readonly PackageName[], ["pg"]);
  } catch (error) {
    if (!(error instanceof CaissonError) || error.code !== "config-invalid") throw error;
    const [{ file, key, message, hint }] = error.problems;
    return `${file ?? ""} ${key ?? ""}: ${message}; ${hint ?? ""}`;
  }
}

it("makes an address of a repository or a file on the network, as uv would", () => {
  expect(ask("Lib[x]>=1", { lib: { git: "https://example.com/lib.git", tag: "v1.0" } })).toEqual({ text: "Lib[x] @ git+https://example.com/lib.git@v1.0" });
  expect(ask("lib", { LIB: { git: "git@example.com:ops/lib.git", branch: "main", subdirectory: "py" } })).toEqual({ text: "lib @ git+ssh://git@example.com/ops/lib.git@main#subdirectory=py" });
  expect(ask("lib", { lib: { git: "ssh://git@example.com/lib", rev: "abc123" } })).toEqual({ text: "lib @ git+ssh://git@example.com/lib@abc123" });
  expect(ask("lib", { lib: { url: "https://example.com/lib-1.0.tar.gz" } })).toEqual({ text: "lib @ https://example.com/lib-1.0.tar.gz" });
  // An address of its own says more than a source.
  expect(ask("lib @ https://example.com/lib-2.0.tar.gz", { lib: { git: "https://example.com/lib.git" } })).toEqual({ text: "lib @ https://example.com/lib-2.0.tar.gz" });
});

it("takes the first source whose marker, extra and group hold", () => {
  const sources = { lib: [{ url: "https://a/l-1.tar.gz", marker: "sys_platform == 'win32'" }, { url: "https://b/l-1.tar.gz", extra: "mysql" }, { url: "https://c/l-1.tar.gz", group: "GPU", marker: "python_version >= '3.8'" }, { url: "https://d/l-1.tar.gz" }] };
  expect(ask("lib", sources)).toEqual({ text: "lib @ https://c/l-1.tar.gz" });
  expect(ask("other", sources)).toEqual({ text: "other" });
});

it("refuses what is said to lie in the workspace and does not: an index could answer with anything of that name", () => {
  expect(ask("util>=2", { util: { workspace: true } }, ["api"])).toBe("packages/web/pyproject.toml tool.uv.sources.util: `web` takes `util` from the workspace, which has no package of that name; packages here: api");
  expect(ask("util", { util: { path: "../../../util", editable: true } })).toBe("packages/web/pyproject.toml tool.uv.sources.util: `web` takes `util` from `../../../util`, where this workspace has no package of that name; a caisson.toml above both of them makes one workspace of them; what is in another repository is a package by `git`");
});

it("says what only a lock by uv can name, a file of the checkout", () => {
  expect(ask("lib", { lib: { path: "vendor/lib-1.0-py3-none-any.whl" } })).toEqual({ text: "lib", file: "vendor/lib-1.0-py3-none-any.whl" });
});

it("names the index that is asked for one requirement alone, and refuses one without an address", () => {
  expect(ask("torch>2", { torch: { index: "own" } })).toEqual({ text: "torch>2", index: { name: "own", url: "https://own.example.com/simple" } });
  expect(ask("torch", { torch: { index: "other" } })).toBe('packages/web/pyproject.toml tool.uv.sources.torch: `web` takes `torch` from the index `other`, and no [[tool.uv.index]] has that name; [[tool.uv.index]] with name = "other" and url = "https://..."');
  expect(ask("torch", { torch: { index: "here" } })).toContain("whose address is none: `./wheels`");
});

describe.skipIf(uv === undefined)("an index of its own (needs uv)", () => {
  it("is asked for its requirement, and for nothing else; nobody else is asked for that", async () => {
    await using usual = await serveIndex([makeWheel("alpha", "1.0", { requires: ["beta"] }), makeWheel("beta", "1.0"), makeWheel("torch", "1.0")]);
    await using own = await serveIndex([makeWheel("torch", "9.0", { requires: ["beta"] }), makeWheel("alpha", "9.0"), makeWheel("beta", "9.0")]);
    const shop = await makeWorkshop({ "caisson.toml": '[packages.app]\npath = "app"\n', "app/VERSION": "1.0\n", "app/requirements.txt": "alpha\ntorch\n", "app/pyproject.toml": `[tool.uv.sources]\ntorch = { index = "own" }\n[[tool.uv.index]]\nname = "own"\nurl = "${own.url}"\n` });
    try {
      const env = { PATH: [dirname(uv?.path ?? "/nowhere"), process.env["PATH"]].join(delimiter), PIP_CONFIG_FILE: "/dev/null", UV_NO_CONFIG: "1", UV_FIND_LINKS: "", UV_INDEX: "", UV_EXTRA_INDEX_URL: "", UV_DEFAULT_INDEX: usual.url };
      const [built] = await shop.build({ onDisk: true, env });
      const payload = await shop.store.readJson<Payload>(built!.artifacts[0]!.artifact.payload.digest);
      expect(payload.distributions.map(({ name, version }) => `${name} ${version}`)).toEqual(["alpha 1.0", "beta 1.0", "torch 9.0"]);
      expect([usual.requests.filter((path) => path.includes("torch")), own.requests.filter((path) => !path.includes("torch"))]).toEqual([[], []]);
    } finally {
      shop.remove();
    }
  });
});

it("passes over what is none", () => {
  for (const sources of [{ lib: 3 }, { lib: [] }, { lib: { branch: "x" } }]) expect(ask("lib", sources)).toEqual({ text: "lib" });
});
