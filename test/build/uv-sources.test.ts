import { expect, it } from "vitest";
import { redirect } from "../../src/build/lock/uv-sources.ts";
import { CaissonError, type Package, type PackageName, type Platform } from "../../src/model/index.ts";
import { parseRequirement, platformPreset, readUvSources } from "../../src/python/index.ts";

const web: Package = { name: "web" as PackageName, written: "web", kind: "python", source: { path: "packages/web" }, needs: [], extras: [], groups: ["gpu"], prefix: "", link: "auto", processes: [], start: [], hooks: [] };
const debian = platformPreset("debian-12") as Platform;

function ask(text: string, sources: Readonly<Record<string, unknown>>, members: readonly string[] = []): unknown {
  try {
    return redirect(web, { text, requirement: parseRequirement(text) }, readUvSources({ tool: { uv: { sources } } }), debian, members as readonly PackageName[], ["pg"]);
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

it("says what only a lock by uv can name: a file of the checkout, and an index for one requirement alone", () => {
  expect(ask("lib", { lib: { path: "vendor/lib-1.0-py3-none-any.whl" } })).toEqual({ text: "lib", file: "vendor/lib-1.0-py3-none-any.whl" });
  expect(ask("torch", { torch: { index: "pytorch" } })).toEqual({ text: "torch", index: "pytorch" });
});

it("passes over what is none", () => {
  for (const sources of [{ lib: 3 }, { lib: [] }, { lib: { branch: "x" } }]) expect(ask("lib", sources)).toEqual({ text: "lib" });
});
