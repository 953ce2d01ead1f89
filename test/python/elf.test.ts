import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Platform } from "../../src/model/index.ts";
import { checkElf, platformPreset, readElf, readMember, readZip, type Elf } from "../../src/python/index.ts";
import { oraclePython } from "../support/python-oracle.ts";
import { realWheels, wheelBytes, wheelNames } from "../support/real-wheels.ts";
import { AARCH64, ARM, makeElf, type MadeElf } from "./made-elf.ts";
import { readMade } from "./made-wheel.ts";

function read(bytes: Uint8Array): Promise<Elf | undefined> {
  return readElf((offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)), bytes.length);
}

function platform(label: string): Platform {
  const preset = platformPreset(label);
  if (preset === undefined) throw new Error(`${label} is no preset`);
  return preset;
}

const MUSL: Platform = { ...platform("debian-12"), label: "alpine-3", libc: { family: "musl", version: "1.2" } };

describe("an ELF file without sections", () => {
  const said = { needed: ["libc.so.6", "libother.so.1"], runpath: "$ORIGIN/../lib:/opt/lib", soname: "libdemo.so.1", interpreter: "/lib64/ld-linux-x86-64.so.2", versions: ["GLIBC_2.2.5", "GLIBC_2.17"] };
  const read64 = { ...said, machine: "x86_64", runpath: ["$ORIGIN/../lib", "/opt/lib"], versions: said.versions.map((version) => ({ library: "libc.so.6", version })) };

  it("is read through its dynamic segment, 64-bit and 32-bit", async () => {
    expect(await read(makeElf(said))).toEqual(read64);
    expect(await read(makeElf({ ...said, wide: false }))).toEqual({ ...read64, machine: "other" });
    expect(await read(makeElf({ machine: AARCH64 }))).toEqual({ machine: "aarch64", versions: [], needed: [], runpath: [] });
  });

  it("that is cut off or is an object file says nothing, and never hangs or throws", async () => {
    const whole = makeElf(said);
    const cut = await Promise.all(Array.from(whole, (_, length) => read(whole.subarray(0, length))));
    expect(cut.filter((elf) => elf !== undefined)).toEqual([]);
    expect(await read(makeElf({ ...said, type: 1 }))).toBeUndefined();
    const broken = Array.from(whole, (byte, at) => Buffer.from(whole).fill(byte ^ 0xff, at, at + 1));
    await expect(Promise.all(broken.map(read))).resolves.toHaveLength(whole.length);
  });
});

describe("what the ELF files of a wheel ask of a host", () => {
  interface Case {
    readonly what: string;
    readonly elf: MadeElf;
    readonly on: Platform;
    readonly fault: RegExp | undefined;
    readonly tag?: string;
  }
  const LIBC = { needed: ["libc.so.6"] };
  const cases: readonly Case[] = [
    { what: "T9: newer glibc symbols than the platform has", elf: { ...LIBC, versions: ["GLIBC_2.4", "GLIBC_2.28", "GLIBC_2.3.4"] }, on: platform("centos-7"), fault: /^T9: .* needs glibc 2\.28, and `centos-7` has glibc 2\.17 / },
    { what: "T9: glibc symbols that the platform has", elf: { ...LIBC, versions: ["GLIBC_2.4", "GLIBC_2.17"] }, on: platform("centos-7"), fault: undefined },
    { what: "T9: newer C++ symbols than the platform has", elf: { ...LIBC, versions: ["GLIBCXX_3.4.9", "GLIBCXX_3.4.26"] }, on: platform("centos-7"), fault: /^T9: .* GLIBCXX_3\.4\.26, and .* GLIBCXX_3\.4\.19 / },
    { what: "T9: C++ symbols that the platform has", elf: { ...LIBC, versions: ["GLIBCXX_3.4.30"] }, on: platform("debian-12"), fault: undefined },
    { what: "T9: a newer C++ ABI than the platform has, and no newer symbol of its library", elf: { ...LIBC, versions: ["GLIBCXX_3.4.9", "CXXABI_1.3.9"] }, on: platform("centos-7"), fault: /^T9: .* GLIBCXX_3\.4\.21, and .* GLIBCXX_3\.4\.19 / },
    { what: "T9: a C++ ABI that the platform has", elf: { ...LIBC, versions: ["CXXABI_1.3.7", "CXXABI_TM_1"] }, on: platform("centos-7"), fault: undefined },
    { what: "T9: a newer libgcc than the platform has", elf: { ...LIBC, versions: ["GCC_7.0.0"] }, on: platform("debian-9"), fault: /^T9: .* needs a libgcc with GCC_7\.0\.0, and / },
    { what: "T9: packed relocations, which no symbol's number tells", elf: { ...LIBC, versions: ["GLIBC_2.4", "GLIBC_ABI_DT_RELR"] }, on: platform("debian-11"), fault: /^T9: .* needs glibc 2\.36, and `debian-11` has glibc 2\.31 / },
    { what: "T9: another machine", elf: { machine: AARCH64 }, on: platform("debian-12"), fault: /^T9: .* programs for aarch64, / },
    { what: "T3: 32-bit code for x86_64 (x32)", elf: { wide: false }, on: platform("debian-12"), fault: /^T9: .* programs for another machine, / },
    { what: "T3: code for another machine's 32 bits (armv7l)", elf: { wide: false, machine: ARM }, on: platform("debian-12-arm64"), fault: /^T9: .* programs for another machine, / },
    { what: "T9: glibc on a musl platform", elf: { ...LIBC, versions: ["GLIBC_2.4"] }, on: MUSL, fault: /^T9: .* linked against glibc 2\.4, / },
    { what: "T9: musl on a glibc platform", elf: { needed: ["libc.musl-x86_64.so.1"] }, on: platform("debian-12"), fault: /^T9: .* linked against musl, / },
    { what: "T9: musl on a musl platform", elf: { needed: ["libc.musl-x86_64.so.1"] }, on: MUSL, fault: undefined },
    { what: "T9: a program with musl's loader on a glibc platform", elf: { interpreter: "/lib/ld-musl-x86_64.so.1" }, on: platform("debian-12"), fault: /^T9: .* musl/ },
    { what: "T9: a static program", elf: {}, on: MUSL, fault: undefined },
    { what: "T10: a wheel for any platform with another machine's code", elf: { machine: AARCH64 }, on: platform("debian-12"), tag: "any", fault: /^T10: .* programs for aarch64, / },
    { what: "T10: a wheel for any platform with this machine's code", elf: LIBC, on: platform("debian-12"), tag: "any", fault: undefined },
  ];
  it.each(cases.map((each) => [each.what, each] as const))("wheels %s", async (_, { elf, on, fault, tag = "linux_x86_64" }) => {
    const demo = await readMade({ fileName: `demo-1.0-py3-none-${tag}.whl`, files: { "demo/lib.so": makeElf(elf), "demo-1.0.dist-info/WHEEL": `Wheel-Version: 1.0\nTag: py3-none-${tag}\n` } });
    const problems = checkElf(demo, on);
    expect(problems.map(({ code }) => code)).toEqual(fault === undefined ? [] : ["wheel-unfit"]);
    expect(problems.map(({ message }) => message).join("\n")).toMatch(fault ?? /^$/);
    expect(demo.warnings.filter((warning) => warning.startsWith("T10"))).toHaveLength(tag === "any" ? 1 : 0);
  });

  it("wheels T9: libraries that the wheel brings, by file name or soname, are not asked of the host", async () => {
    const demo = await readMade({ files: { "demo/a.so": makeElf({ needed: ["libb.so", "libc.so.1", "libfar.so.3", "libc.so.6"] }), "demo.libs/libb.so": makeElf(), "demo.libs/libc-12ab.so": makeElf({ soname: "libc.so.1" }) } });
    expect(demo.elf?.needed).toEqual(["libc.so.6", "libfar.so.3"]);
    expect(demo.warnings).toContain("T9: it needs libraries that it does not bring: libfar.so.3");
  });

  it.each(["scripts", "data/bin"])("wheels T9: a program in %s of the wheel counts as a library does", async (place) => {
    const demo = await readMade({ fileName: "demo-1.0-py3-none-manylinux_2_17_x86_64.whl", files: { [`demo-1.0.data/${place}/tool`]: makeElf({ ...LIBC, versions: ["GLIBC_2.38"] }) } });
    expect(checkElf(demo, platform("centos-7")).map(({ message }) => message)).toEqual([expect.stringMatching(/^T9: .* needs glibc 2\.38, and `centos-7` has glibc 2\.17 /)]);
  });

  it("wheels T9: C++ symbols are no question where the wheel brings its own libstdc++", async () => {
    const demo = await readMade({ files: { "demo/a.so": makeElf({ versions: ["GLIBC_2.4", "GLIBCXX_3.4.30", "CXXABI_1.3.15"] }), "demo.libs/libstdc++-12ab.so.6": makeElf({ soname: "libstdc++.so.6" }) } });
    expect(demo.elf).toMatchObject({ glibc: "2.4" });
    expect(demo.elf).not.toHaveProperty("glibcxx");
  });

  const runpaths: readonly (readonly [runpath: string, escapes: boolean])[] = [
    ["$ORIGIN", false],
    ["$ORIGIN/deps", false],
    ["$ORIGIN/../demo.libs", true],
    ["$ORIGIN/../../demo.libs", false],
    ["${ORIGIN}/../../demo.libs", false],
    ["$ORIGIN/../../nvidia/cublas/lib", true],
    ["$ORIGIN/../../../../lib", true],
    ["$ORIGIN/../../../../../../../..", true],
    ["/opt/lib", false],
    ["$ORIGIN:$ORIGIN/../../torch/lib", true],
  ];
  it.each(runpaths)("wheels T9: a RUNPATH of %s leaves the wheel: %s", async (runpath, escapes) => {
    const demo = await readMade({ files: { "demo/sub/a.so": makeElf({ runpath }), "demo.libs/b.so": makeElf() } });
    expect(demo.elf?.escapes).toBe(escapes);
  });

  it("wheels T9: an absolute RUNPATH and a broken ELF file are said", async () => {
    const demo = await readMade({ files: { "demo/a.so": makeElf({ runpath: "/home/build/lib" }), "demo/b.so": makeElf().subarray(0, 100), "demo/c.o": makeElf({ type: 1 }) } });
    expect(demo.warnings).toEqual(expect.arrayContaining(["T9: its RUNPATH names places on its builder's disk: /home/build/lib", "T9: `demo/b.so` begins like an ELF file and cannot be read as one"]));
    expect(demo.warnings.join("\n")).not.toContain("c.o");
  });

  it("wheels T9: a library larger than what is kept in memory is read by ranges", async () => {
    const elf = makeElf({ needed: ["libfar.so.3"], versions: ["GLIBC_2.30"], code: 80 << 20 });
    const demo = await readMade({ files: { "demo/a.so": elf }, members: { "demo/a.so": { deflate: true } } });
    expect(demo.elf).toMatchObject({ glibc: "2.30", needed: ["libfar.so.3"] });
  });
});

const directory = realWheels() ?? "";

describe.skipIf(directory === "")("the shared objects of real wheels (needs the network once)", () => {
  it("say what pyelftools finds in them", async () => {
    const names = wheelNames(directory, ["numpy", "greenlet", "cryptography", "psycopg2_binary", "pynacl", "zope_interface", "coverage"]);
    const theirs = askPyelftools(names);
    expect(Object.keys(theirs).length).toBeGreaterThan(30);
    const ours: typeof theirs = {};
    for (const name of names) {
      const zip = await readZip(wheelBytes(directory, name));
      for (const member of zip.members) {
        const elf = await read(await readMember(zip, member));
        if (elf !== undefined) ours[`${name}/${member.name}`] = { machine: elf.machine, needed: elf.needed, runpath: elf.runpath, soname: elf.soname ?? null, versions: elf.versions.map(({ library, version }) => `${library} ${version}`).toSorted() };
      }
    }
    expect(ours).toEqual(theirs);
  });
});

type Facts = { readonly machine: string; readonly needed: readonly string[]; readonly runpath: readonly string[]; readonly soname: string | null; readonly versions: readonly string[] };

function askPyelftools(names: readonly string[]): Record<string, Facts> {
  const script = `
import io, json, sys, zipfile
from elftools.elf.elffile import ELFFile
from elftools.elf.dynamic import DynamicSegment
found = {}
for path in sys.argv[1:]:
    with zipfile.ZipFile(path) as z:
        for name in z.namelist():
            data = z.read(name)
            if data[:4] != b"\\x7fELF": continue
            elf = ELFFile(io.BytesIO(data))
            if elf["e_type"] not in ("ET_DYN", "ET_EXEC"): continue
            facts = {"machine": {"EM_X86_64": "x86_64", "EM_AARCH64": "aarch64"}.get(elf["e_machine"], "other"), "needed": [], "runpath": [], "soname": None, "versions": []}
            for segment in elf.iter_segments():
                if isinstance(segment, DynamicSegment):
                    for tag in segment.iter_tags():
                        if tag.entry.d_tag == "DT_NEEDED": facts["needed"].append(tag.needed)
                        if tag.entry.d_tag == "DT_SONAME": facts["soname"] = tag.soname
                        if tag.entry.d_tag == "DT_RPATH": facts["runpath"] = tag.rpath.split(":")
                        if tag.entry.d_tag == "DT_RUNPATH": facts["runpath"] = tag.runpath.split(":")
            section = elf.get_section_by_name(".gnu.version_r")
            if section is not None:
                facts["versions"] = sorted(library.name + " " + aux.name for library, entries in section.iter_versions() for aux in entries)
            found[path.rpartition("/")[2] + "/" + name] = facts
print(json.dumps(found))`;
  const { status, stdout, stderr } = spawnSync(oraclePython("elf", ["pyelftools==0.32"]), ["-I", "-c", script, ...names.map((name) => join(directory, name))], { encoding: "utf8", maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`pyelftools failed: ${stderr}`);
  return JSON.parse(stdout) as Record<string, Facts>;
}
