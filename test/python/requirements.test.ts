import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { normalizeName, type Distribution } from "../../src/model/index.ts";
import { checkRequirements, platformFromFacts } from "../../src/python/index.ts";
import { sha256, treeId } from "../../src/system/index.ts";
import { askPackaging, hasPackaging, packagingPython } from "../support/python-oracle.ts";

const platform = platformFromFacts({ os: { id: "debian", release: "12" }, arch: "x86_64", libc: { family: "glibc", version: "2.36" }, python: "3.11.7" }, "ran");

function distribution(name: string, version: string, requires: readonly string[] = [], requiresPython?: string): Distribution {
  const entries = [{ kind: "file", path: `site/${name}.py`, mode: 0o644, digest: sha256(name), size: 1, source: { from: "inline", text: "x" } }] as const;
  return {
    name: normalizeName(name),
    version,
    wheel: { digest: sha256(name), size: 1, mediaType: "application/zip" },
    fileName: `${name}-${version}-py3-none-any.whl`,
    tree: { schema: "caisson.tree/1", id: treeId(entries), entries },
    requires,
    ...(requiresPython === undefined ? {} : { requiresPython }),
    warnings: [],
  };
}

const unique = (pairs: readonly (readonly [string, string])[]): string => [...new Set(pairs.map((pair) => pair.join(" ")))].toSorted().join(", ");
const check = (...distributions: readonly Distribution[]): readonly string[] => checkRequirements(distributions, platform).map(({ message }) => message);

test("what is missing and what has the wrong version is told in pip's words", () => {
  expect(checkRequirements([distribution("web", "1.0", ["Jinja2>=3", "six", "x; sys_platform == 'win32'"]), distribution("jinja2", "2.0")], platform)).toEqual([
    { code: "requirements-broken", message: "`web` 1.0 has requirement `jinja2>=3`, but you have `jinja2` 2.0", hint: "caisson lock --platform debian-12" },
    { code: "requirements-broken", message: "`web` 1.0 requires `six`, which is not installed", hint: "caisson lock --platform debian-12" },
  ]);
  expect(checkRequirements([distribution("web", "1.0", ["six"])], platform, (missing) => `bring ${missing}`)).toMatchObject([{ hint: "bring six" }]);
});

test("a good set has no problems, pre-releases and local versions count", () => {
  expect(check(distribution("web", "1.0", ["a>=1", "b==2.0"]), distribution("a", "2.0rc1"), distribution("b", "2.0+cpu"))).toEqual([]);
});

test("wheels T8: Python itself is checked, by the platform's own version", () => {
  expect(check(distribution("web", "1.0", [], ">=3.12"), distribution("old", "1.0", [], "<3.12"))).toEqual(["`web` 1.0 requires Python >=3.12, but debian-12 has 3.11.7"]);
});

test("an extra is ignored unless somebody asks for it, also through another extra", () => {
  const requests = distribution("requests", "2.0", ["pysocks; extra == 'socks'", "all-of-it; extra == 'all'", "requests[socks]; extra == 'all'"]);
  expect(check(requests)).toEqual([]);
  expect(check(requests, distribution("web", "1.0", ["requests[Socks]"]))).toEqual(["`requests` 2.0 requires `pysocks`, which is not installed"]);
  expect(check(requests, distribution("web", "1.0", ["requests[all]"]))).toEqual(["`requests` 2.0 requires `pysocks`, which is not installed", "`requests` 2.0 requires `all-of-it`, which is not installed"]);
  expect(check(requests, distribution("web", "1.0", ["requests[all]; python_version < '3'"]))).toEqual([]);
});

test("wheels T7: markers are the platform's", () => {
  expect(check(distribution("web", "1.0", ["tomli; python_version < '3.11'", "new; python_version >= '3.11' and platform_machine == 'x86_64'"]))).toEqual(["`web` 1.0 requires `new`, which is not installed"]);
});

test("a requirement that nobody can read is told, and the rest is checked", () => {
  expect(check(distribution("web", "1.0", ["six >> 1", "x"]))).toEqual(["`web` 1.0 has a requirement that nobody can read: `six >> 1` is not a requirement: expected a version that `>` can compare instead of `>` at character 8", "`web` 1.0 requires `x`, which is not installed"]);
});

test("two versions of one distribution are told", () => {
  expect(check(distribution("a", "1.0"), distribution("a", "2.0"))).toEqual(["`a` 1.0 is there beside version 2.0 of itself"]);
});

const requirement = fc
  .tuple(fc.constantFrom("a", "B", "c_c", "missing"), fc.constantFrom("", ">=1.0", "<2", "==1.*", "~=1.1", "!=1.0", ">1.0"), fc.constantFrom("", "", "", "; python_version >= '3'", "; sys_platform == 'win32'", "; extra == 'e'"))
  .map((parts) => parts.join(""));
const installed = fc.tuple(fc.constantFrom("1.0", "1.1", "2.0", "1.0.post1", "2.0rc1"), fc.array(requirement, { maxLength: 3 }));
const set = fc.record({ a: installed, b: installed, "c-c": installed }, { requiredKeys: ["a"] });

test.skipIf(!hasPackaging)("random sets are judged as pip check judges them (needs PyPA packaging)", () => {
  const sets = fc.sample(set, { numRuns: 300, seed: 20 }).map((chosen) => Object.entries(chosen).map(([name, [version, requires]]) => ({ name, version, requires })));
  // pip's own function, so that one process answers for all of them.
  const answers = askPackaging(
    `from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.version import parse
from pip._vendor.packaging.utils import canonicalize_name
from pip._internal.operations.check import check_package_set, PackageDetails
for q in questions:
  packages = {canonicalize_name(d['name']): PackageDetails(parse(d['version']), [r for r in map(Requirement, d['requires']) if r.marker is None or r.marker.evaluate({'extra': ''})]) for d in q}
  missing, conflicting = check_package_set(packages)
  answers.append(sorted([[n, canonicalize_name(r[0])] for n, rs in missing.items() for r in rs] + [[n, canonicalize_name(r[2].name)] for n, rs in conflicting.items() for r in rs]))`,
    sets,
  ) as readonly (readonly [string, string])[][];
  expect(answers.filter((answer) => answer.length === 0).length).toBeGreaterThan(20);
  const wrong = sets
    .map((chosen, at) => {
      const found = checkRequirements(chosen.map(({ name, version, requires }) => distribution(name, version, requires)), platform).map(({ message }) => {
        const [, who, , what] = /^`([^`]+)` \S+ (requires|has requirement) `([a-z-]+)/.exec(message) ?? [];
        return [who ?? message, what ?? ""] as const;
      });
      return { chosen, ours: unique(found), theirs: unique(answers[at] ?? []) };
    })
    .filter(({ ours, theirs }) => ours !== theirs);
  expect(wrong).toEqual([]);
});

test.skipIf(!hasPackaging)("pip check in a virtual environment says the same of a broken and of a good set (needs PyPA packaging)", () => {
  const python = packagingPython();
  const directory = mkdtempSync(join(tmpdir(), "caisson-pip-check-"));
  try {
    execFileSync(python, ["-m", "venv", "--without-pip", join(directory, "venv")]);
    const inside = join(directory, "venv", "bin", "python");
    const site = execFileSync(inside, ["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], { encoding: "utf8" }).trim();
    const lay = ({ name, version, requires }: Distribution): void => {
      const info = join(site, `${name}-${version}.dist-info`);
      mkdirSync(info, { recursive: true });
      writeFileSync(join(info, "METADATA"), [`Metadata-Version: 2.1`, `Name: ${name}`, `Version: ${version}`, ...requires.map((text) => `Requires-Dist: ${text}`), ""].join("\n"));
      writeFileSync(join(info, "WHEEL"), "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n");
      writeFileSync(join(info, "INSTALLER"), "test\n");
    };
    const pipCheck = () => spawnSync(python, ["-m", "pip", "--python", inside, "check"], { encoding: "utf8" });
    const good = [distribution("web", "1.0", ["a>=1", "never; sys_platform == 'win32'"]), distribution("a", "1.5")];
    good.forEach(lay);
    expect(pipCheck()).toMatchObject({ status: 0, stdout: "No broken requirements found.\n" });
    expect(check(...good)).toEqual([]);

    const broken = [...good, distribution("late", "3.0", ["a>=2", "missing"])];
    broken.forEach(lay);
    const lines = pipCheck().stdout.trim().split("\n");
    const plain = check(...broken).map((message) => `${message.replaceAll("`", "")}.`);
    expect(plain.toSorted()).toEqual(lines.toSorted());
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
