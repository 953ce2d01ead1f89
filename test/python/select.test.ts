import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseLock, platformPresets, printLock, select } from "../../src/python/index.ts";
import { askPackaging, hasPackaging, packagingPython } from "../support/python-oracle.ts";

const HASH = "0".repeat(64);
const lockedFile = (fileName: string): string => `{ url = "https://files.example.com/${fileName}", hashes = { sha256 = "${HASH}" } }`;
const pythonTag = fc.constantFrom("py3", "py2.py3", "cp38", "cp39", "cp311", "cp312", "cp312.cp311", "py38", "pp310");
const abiTag = fc.constantFrom("none", "abi3", "cp311", "cp312", "cp38", "cp39", "abi3.none");
const platformTag = fc.constantFrom("any", "any", "manylinux_2_17_x86_64.manylinux2014_x86_64", "manylinux_2_28_x86_64", "manylinux1_x86_64", "manylinux_2_36_x86_64", "musllinux_1_2_x86_64", "musllinux_1_1_aarch64", "manylinux2014_aarch64", "win_amd64", "macosx_11_0_arm64");
const wheels = fc.uniqueArray(fc.tuple(pythonTag, abiTag, platformTag).map((tags) => tags.join("-")), { maxLength: 6 });
const marker = fc.constantFrom(undefined, undefined, "python_version < '3.12'", "platform_machine == 'aarch64'", "'web' in extras", "'dev' in dependency_groups or sys_platform == 'win32'");
const entry = fc.record({ wheels, sdist: fc.boolean(), marker, requiresPython: fc.constantFrom(undefined, undefined, undefined, ">=3.9", "<3.12") }).filter((locked) => locked.sdist || locked.wheels.length > 0);
const lock = fc.record({
  packages: fc.array(entry, { maxLength: 4 }),
  requiresPython: fc.constantFrom(undefined, undefined, undefined, ">=3.8", ">=3.11"),
  environments: fc.constantFrom([], [], ["sys_platform == 'linux'"], ["platform_machine == 'x86_64'", "python_version >= '3.12'"]),
  extras: fc.constantFrom([], ["web"]),
  groups: fc.constantFrom(undefined, [], ["dev"]),
  platform: fc.constantFrom(...platformPresets()),
});

test.skipIf(!hasPackaging)("a platform gets from a lock what PyPA packaging selects, or nothing where packaging refuses (needs PyPA packaging)", () => {
  const cases = fc.sample(lock, { numRuns: 1500, seed: 751 }).map((sample) => {
    const packages = sample.packages.map((locked, at) =>
      [
        `[[packages]]\nname = "p${at % 3}"\nversion = "1.${at}"`,
        ...(locked.marker === undefined ? [] : [`marker = "${locked.marker}"`]),
        ...(locked.requiresPython === undefined ? [] : [`requires-python = "${locked.requiresPython}"`]),
        ...(locked.sdist ? [`sdist = ${lockedFile(`p${at % 3}-1.${at}.tar.gz`)}`] : []),
        // Where two wheels are as good as each other, packaging keeps the lock's order; ours is by name.
        ...(locked.wheels.length > 0 ? [`wheels = [${locked.wheels.map((tags) => lockedFile(`p${at % 3}-1.${at}-${tags}.whl`)).toSorted().join(", ")}]`] : []),
      ].join("\n"),
    );
    const head = ['lock-version = "1.0"', 'created-by = "t"', 'default-groups = ["dev"]', ...(sample.requiresPython === undefined ? [] : [`requires-python = "${sample.requiresPython}"`]), ...(sample.environments.length === 0 ? [] : [`environments = ${JSON.stringify(sample.environments)}`]), ...(packages.length === 0 ? ["packages = []"] : [])];
    return { text: `${[...head, ...packages].join("\n")}\n`, sample };
  });
  const answers = askPackaging(
    `try: import tomllib
except ImportError: from pip._vendor import tomli as tomllib
from packaging.pylock import Pylock, PylockSelectError
from packaging.tags import Tag
for q in questions:
  lock = Pylock.from_dict(tomllib.loads(q['text']))
  tags = [Tag(*t.split('-')) for t in q['tags']]
  try: answers.append([f.filename for _, f in lock.select(environment=q['markers'], tags=tags, extras=q['extras'], dependency_groups=q['groups'])])
  except PylockSelectError: answers.append('refused')`,
    cases.map(({ text, sample }) => ({ text, tags: sample.platform.tags, markers: sample.platform.markers, extras: sample.extras, groups: sample.groups ?? null })),
  ) as (readonly string[] | "refused")[];
  expect(answers.filter((answer) => answer !== "refused" && answer.length > 0).length).toBeGreaterThan(200);
  const wrong = cases
    .map(({ text, sample }, at) => {
      const result = select(parseLock("pylock.toml", text), sample.platform, { extras: sample.extras, ...(sample.groups === undefined ? {} : { groups: sample.groups }) });
      return { text, label: sample.platform.label, ours: "choices" in result ? result.choices.map(({ file }) => file.fileName) : "refused", theirs: answers[at] };
    })
    .filter(({ ours, theirs }) => JSON.stringify(ours) !== JSON.stringify(theirs));
  expect(wrong).toEqual([]);
});

test.skipIf(!hasPackaging)("what the installed uv locks is read, chosen from, and understood by PyPA packaging as we print it (needs PyPA packaging)", () => {
  const python = packagingPython();
  const directory = mkdtempSync(join(tmpdir(), "caisson-uv-"));
  try {
    // A wheel that needs no network: two small ones made on the spot.
    for (const [name, requires] of [["one", "Requires-Dist: two>=1; python_version >= '3.8'\n"], ["two", ""]] as const) makeWheel(python, directory, name, requires);
    writeFileSync(join(directory, "in.txt"), "one\n");
    const uv = join(python, "..", "uv");
    execFileSync(uv, ["pip", "compile", "--quiet", "--offline", "--no-index", "--no-config", "--find-links", directory, "--generate-hashes", "--format", "pylock.toml", "--python-version", "3.11", "--python", python, "in.txt", "-o", "pylock.toml"], { cwd: directory, env: { PATH: process.env["PATH"] ?? "", HOME: directory }, stdio: "pipe" });
    const read = parseLock("pylock.toml", readFileSync(join(directory, "pylock.toml"), "utf8"));
    expect(read.packages.map(({ name, version }) => `${name} ${version}`)).toEqual(["one 1.0", "two 1.0"]);
    const printed = printLock(read);
    expect(askPackaging("try: import tomllib\nexcept ImportError: from pip._vendor import tomli as tomllib\nfrom packaging.pylock import Pylock\nanswers = [p.name for p in Pylock.from_dict(tomllib.loads(questions)).packages]", printed)).toEqual(["one", "two"]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

function makeWheel(python: string, directory: string, name: string, requires: string): void {
  const script = `import sys, zipfile, hashlib, base64
d, n, r = sys.argv[1:]
files = {n + '.py': '', n + '-1.0.dist-info/METADATA': 'Metadata-Version: 2.1\\nName: ' + n + '\\nVersion: 1.0\\n' + r, n + '-1.0.dist-info/WHEEL': 'Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n'}
with zipfile.ZipFile(d + '/' + n + '-1.0-py3-none-any.whl', 'w') as z:
  rows = []
  for p, t in files.items():
    z.writestr(p, t)
    rows.append(p + ',sha256=' + base64.urlsafe_b64encode(hashlib.sha256(t.encode()).digest()).decode().rstrip('=') + ',' + str(len(t)))
  z.writestr(n + '-1.0.dist-info/RECORD', '\\n'.join(rows + [n + '-1.0.dist-info/RECORD,,']) + '\\n')
`;
  execFileSync(python, ["-I", "-c", script, directory, name, requires]);
}
