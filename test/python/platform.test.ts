import { expect, test } from "vitest";
import { compatibleTags, completePlatform, evaluateMarker, needsInterpreterTree, parseCompletePlatform, parseMarker, platformFromFacts, platformPreset, platformPresets, platformTags } from "../../src/python/index.ts";
import { askPackaging, hasPackaging } from "../support/python-oracle.ts";

test.skipIf(!hasPackaging)("wheel tags stand in the order of PyPA packaging, for every CPython, libc and architecture (needs PyPA packaging)", () => {
  const libcs = [
    { family: "glibc", version: "2.17" },
    { family: "glibc", version: "2.36" },
    { family: "musl", version: "1.2" },
  ] as const;
  const questions = ["3.6", "3.7", "3.8", "3.11", "3.14"].flatMap((python) =>
    libcs.flatMap((libc) => (["x86_64", "aarch64"] as const).map((arch) => ({ python, libc, arch, platforms: platformTags(arch, libc) }))),
  );
  const answers = askPackaging(
    `from packaging.tags import cpython_tags, compatible_tags
for q in questions:
  v = tuple(map(int, q['python'].split('.')))
  cp = 'cp%d%d' % v
  abis = [cp + ('m' if v < (3, 8) else '')]
  answers.append([str(t) for t in cpython_tags(v, abis, q['platforms'])] + [str(t) for t in compatible_tags(v, cp, q['platforms'])])`,
    questions,
  );
  expect(questions.map(({ python, arch, libc }) => compatibleTags(python, arch, libc))).toEqual(answers);
});

test.skipIf(!hasPackaging)("the manylinux tags of a libc are those PyPA packaging finds on such a machine, plain linux last (needs PyPA packaging)", () => {
  const questions = (["x86_64", "aarch64"] as const).flatMap((arch) => ["2.17", "2.19", "2.41"].map((version) => ({ arch, version })));
  const answers = askPackaging(
    `from packaging import _manylinux
_manylinux._have_compatible_abi = lambda *a: True
for q in questions:
  _manylinux._get_glibc_version = lambda: tuple(map(int, q['version'].split('.')))
  answers.append(list(_manylinux.platform_tags([q['arch']])) + ['linux_' + q['arch']])`,
    questions,
  );
  expect(questions.map(({ arch, version }) => platformTags(arch, { family: "glibc", version }))).toEqual(answers);
  expect(platformTags("aarch64", { family: "musl", version: "1.2" })).toEqual(["musllinux_1_2_aarch64", "musllinux_1_1_aarch64", "musllinux_1_0_aarch64", "linux_aarch64"]);
});

test("wheels T1: centos-7 takes manylinux wheels up to glibc 2.17 and no newer", () => {
  const tags = platformPreset("centos-7")?.tags ?? [];
  const platforms = new Set(tags.map((tag) => tag.split("-")[2] ?? ""));
  expect(platforms).toContain("manylinux_2_17_x86_64");
  expect(platforms).toContain("manylinux2014_x86_64");
  expect(platforms).toContain("manylinux1_x86_64");
  expect([...platforms].filter((tag) => /manylinux_2_(1[89]|[2-9]\d)_/.test(tag))).toEqual([]);
});

test.skipIf(!hasPackaging)("wheels T4: what a `_manylinux` module refuses is left out, as PyPA packaging leaves it out (needs PyPA packaging)", () => {
  const questions = [{ refused: [17, 36] }, { refused: [5, 12, 17] }, { refused: [] }];
  const answers = askPackaging(
    `import sys, types
from packaging import _manylinux as own
own._have_compatible_abi = lambda *a: True
own._get_glibc_version = lambda: (2, 36)
for q in questions:
  module = sys.modules['_manylinux'] = types.ModuleType('_manylinux')
  module.manylinux_compatible = lambda major, minor, arch: False if minor in q['refused'] else None
  answers.append(list(own.platform_tags(['x86_64'])) + ['linux_x86_64'])`,
    questions,
  );
  expect(questions.map(({ refused }) => platformTags("x86_64", { family: "glibc", version: "2.36" }, refused))).toEqual(answers);
});

test("wheels T5: a vendor's tail of a glibc version is ignored", () => {
  const facts = { os: { id: "linaro", release: "14.11" }, arch: "x86_64", libc: { family: "glibc", version: "2.20-2014.11" }, python: "3.4.2" } as const;
  const platform = platformFromFacts(facts, "ran");
  expect(platform.libc.version).toBe("2.20");
  expect(platform.tags[0]).toBe("cp34-cp34m-manylinux_2_20_x86_64");
});

test("a label names a preset, another architecture of it, or another Python on it", () => {
  expect(platformPreset("debian-12")).toMatchObject({ label: "debian-12", os: { id: "debian", release: "12" }, arch: "x86_64", libc: { family: "glibc", version: "2.36" }, python: { version: "3.11", full: "3.11.2" } });
  expect(platformPreset("debian-12-py312")).toMatchObject({ label: "debian-12-py312", python: { implementation: "cpython", version: "3.12" }, markers: { python_full_version: "3.12.0" } });
  expect(platformPreset("debian-12-arm64-py312")).toMatchObject({ label: "debian-12-arm64-py312", arch: "aarch64", markers: { platform_machine: "aarch64" } });
  expect(platformPreset("ubuntu-2204")).toMatchObject({ label: "ubuntu-2204", os: { release: "22.04" } });
  expect(platformPreset("alpine-320")).toMatchObject({ libc: { family: "musl", version: "1.2" }, python: { version: "3.12" } });
  expect(["debian-7", "debian", "debian-12-x", "windows-11", "", "debian-12-py2", "debian-12-py312-arm64"].map(platformPreset)).toEqual(Array.from({ length: 7 }, () => undefined));
});

test("what is the default is left out of a label", () => {
  expect(platformPreset("debian-12-py311")?.label).toBe("debian-12");
  expect(platformPreset("centos-7-py38")?.label).toBe("centos-7");
});

test("every preset answers to its own label and says all that a platform says", () => {
  const presets = platformPresets();
  expect(presets.map(({ label }) => label)).toEqual(expect.arrayContaining(["debian-8", "debian-13", "ubuntu-2404", "centos-7", "rocky-9-arm64", "alpine-319"]));
  for (const preset of presets) {
    expect(platformPreset(preset.label)).toEqual(preset);
    expect(preset.label).toMatch(/^[a-z0-9-]+$/);
    expect(evaluateMarker(parseMarker(`python_version == "${preset.python.version}" and python_full_version == "${preset.python.full}"`), preset.markers)).toBe(true);
  }
});

test("a machine has the label of its preset, with its own Python where that is another", () => {
  const debian = { os: { id: "debian", release: "12" }, arch: "x86_64", libc: { family: "glibc", version: "2.36" } } as const;
  expect(platformFromFacts({ ...debian, python: "3.11.7" }, "ran")).toMatchObject({ label: "debian-12", python: { full: "3.11.7" }, markers: { python_full_version: "3.11.7" }, evidence: "ran" });
  expect(platformFromFacts({ ...debian, python: "3.13.0" }, "ran").label).toBe("debian-12-py313");
  expect(platformFromFacts({ ...debian, arch: "aarch64", python: "3.11.2" }, "ran").label).toBe("debian-12-arm64");
  expect(platformFromFacts({ os: { id: "rocky", release: "9.4" }, arch: "x86_64", libc: { family: "glibc", version: "2.34" }, python: "3.9.18" }, "ran").label).toBe("rocky-9");
  expect(platformFromFacts({ os: { id: "alpine", release: "3.20.3" }, arch: "x86_64", libc: { family: "musl", version: "1.2.5" }, python: "3.12.7" }, "ran")).toMatchObject({ label: "alpine-320", libc: { version: "1.2" } });
});

function labelOf(id: string, release: string): string {
  return platformFromFacts({ os: { id, release }, arch: "x86_64", libc: { family: "glibc", version: "2.40" }, python: "3.13.1" }, "ran").label;
}

test("a machine nobody knows has a legal label too", () => {
  expect(labelOf("fedora", "41")).toBe("fedora-41-py313");
  expect(labelOf("opensuse-leap", "15.5")).toBe("opensuse-leap-155-py313");
  expect(labelOf("arch", "")).toBe("arch-rolling-py313");
  expect(labelOf("My OS_2", "1/2")).toBe("my-os-2-1-2-py313");
  expect(labelOf("", "")).toBe("linux-rolling-py313");
});

test("says how each is known: a bundle ran there, its symbols can be proven, or its lists say so", () => {
  expect(["debian-12", "debian-12-py312", "debian-12-arm64", "centos-7", "centos-7-arm64", "alpine-320"].map((label) => platformPreset(label)?.evidence)).toEqual(["ran", "proven", "proven", "proven", "proven", "declared"]);
});

test("old systems get their Python shipped, new ones have their own", () => {
  const shipped = platformPresets().filter(needsInterpreterTree);
  expect(shipped.map(({ label }) => label)).toEqual(["debian-8", "debian-8-arm64", "debian-9", "debian-9-arm64", "centos-7", "centos-7-arm64"]);
});

const machineFacts = `import json, platform
from packaging.tags import sys_tags
from packaging.markers import default_environment
answers = {'libc': platform.libc_ver(), 'compatible_tags': [str(t) for t in sys_tags()], 'marker_environment': default_environment(), 'path': '/usr/bin/python3'}`;

const onGlibc = "glibcVersionRuntime" in (process.report.getReport() as { readonly header: object }).header && ["x64", "arm64"].includes(process.arch);

test.skipIf(!onGlibc || !hasPackaging)("this machine accepts exactly the tags that PyPA packaging finds on it (needs glibc and PyPA packaging)", () => {
  const machine = askPackaging(machineFacts, []) as { readonly libc: readonly [string, string]; readonly compatible_tags: readonly string[]; readonly marker_environment: Readonly<Record<string, string>> };
  const facts = { os: { id: "debian", release: "12" }, arch: machine.marker_environment["platform_machine"] === "aarch64" ? "aarch64" : "x86_64", libc: { family: "glibc", version: machine.libc[1] }, python: machine.marker_environment["python_full_version"] ?? "" } as const;
  const platform = platformFromFacts(facts, "ran");
  expect(platform.tags.toSorted()).toEqual(machine.compatible_tags.toSorted());
  expect({ ...platform.markers, platform_release: "", platform_version: "" }).toEqual({ ...machine.marker_environment, platform_release: "", platform_version: "" });

  const read = parseCompletePlatform("machine.json", JSON.stringify(machine), facts.os);
  expect(read).toMatchObject({ label: platform.label, libc: facts.libc, python: platform.python, tags: machine.compatible_tags, markers: machine.marker_environment });
});

test("a complete-platform document is read as it was written, and a broken one is refused", () => {
  const platform = platformPreset("alpine-320-arm64");
  if (platform === undefined) throw new Error("no preset alpine-320-arm64");
  expect(parseCompletePlatform("p.json", JSON.stringify(completePlatform(platform)), platform.os)).toEqual({ ...platform, evidence: "ran" });
  // pex says nothing of the system.
  const { os, ...pex } = completePlatform(platform);
  expect(os).toEqual(platform.os);
  expect(parseCompletePlatform("p.json", JSON.stringify({ ...pex, path: "/usr/bin/python3" }))).toMatchObject({ label: "linux-rolling-arm64-py312", tags: platform.tags });
  expect(() => parseCompletePlatform("p.json", JSON.stringify({ ...pex, compatible_tags: platform.tags.map((tag) => tag.replaceAll("312", "311")) }))).toThrow("`compatible_tags` has none for the CPython 3.12 of `marker_environment`");
  expect(() => parseCompletePlatform("p.json", "{", platform.os)).toThrow("`p.json` is not JSON");
  expect(() => parseCompletePlatform("p.json", "[]", platform.os)).toThrow("`p.json` has no `marker_environment` of texts or no `compatible_tags`");
  const windows = { marker_environment: { platform_machine: "AMD64", python_full_version: "2.7.18", implementation_name: "cpython" }, compatible_tags: ["cp27-cp27m-win_amd64"] };
  expect(() => parseCompletePlatform("p.json", JSON.stringify(windows), platform.os)).toThrow("`platform_machine` is AMD64, and only x86_64 and aarch64 are known here");
});
