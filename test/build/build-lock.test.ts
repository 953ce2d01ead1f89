import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { strToU8, zipSync } from "fflate";
import { afterEach, expect, it } from "vitest";
import { sdistSystem } from "../../src/build/wheel/sdist-system.ts";
import type { Payload } from "../../src/model/index.ts";
import { backend, part, sourced, write, writeForge } from "../support/forge.ts";
import { flit, makeWorkshop, type TestWorkshop } from "./workshop.ts";

const open: TestWorkshop[] = [];
afterEach(() => open.splice(0).forEach((workshop) => workshop.remove()));

async function forge(): Promise<TestWorkshop> {
  const workshop = await makeWorkshop({});
  open.push(workshop);
  writeForge(workshop.directory, (...words) => workshop.git(...words));
  return workshop;
}

/** Which version of the back end made a wheel; it says so in WHEEL. */
async function makerOf({ store }: TestWorkshop, [result]: Awaited<ReturnType<TestWorkshop["build"]>>, of = "job"): Promise<string> {
  const payload = await store.readJson<Payload>(result!.artifacts[0]!.artifact.payload.digest);
  const wheel = payload.distributions.find(({ name }) => name === of)!;
  const file = join(store.directory, "blobs/sha256", wheel.wheel.digest.slice("sha256:".length));
  return /^Generator: (.*)$/m.exec(execFileSync("python3", ["-c", "import sys, zipfile; zip = zipfile.ZipFile(sys.argv[1]); print(zip.read([name for name in zip.namelist() if name.endswith('/WHEEL')][0]).decode())", file], { encoding: "utf8" }))?.[1] ?? "";
}

it("a back end is locked when it is first used, and the same makes the next wheel, whatever has come out since", async () => {
  const workshop = await forge();
  const packages = ["job"] as never;
  expect(await makerOf(workshop, await workshop.build({ packages }))).toBe("forge 1.0");
  const newer = backend("1.5");
  write(workshop.directory, { [`wheels/${newer.name}`]: newer.bytes, "job/job.py": '"""Job, better."""\n' });
  workshop.git("commit", "-qam", "better");
  expect(await makerOf(workshop, await workshop.build({ packages }))).toBe("forge 1.0");
  // A store that knows nothing of it takes the newest, and its key says so.
  const other = await forge();
  write(other.directory, { [`wheels/${newer.name}`]: newer.bytes });
  expect(await makerOf(other, await other.build({ packages }))).toBe("forge 1.5");
});

const runsOf = ({ programs }: TestWorkshop): number => programs.filter((program) => program.endsWith("/back_end.py")).length;

/** A project whose back end asks for more than stands there. */
function asking(requires: string): string {
  return `[build-system]\nrequires = [${requires}]\nbuild-backend = "forge_backend"\n\n[project]\nname = "job"\nversion = "1.0"\ndependencies = ["forge-sourced"]\n[tool.forge]\nasks = ["forge-part"]\n`;
}

it("what a back end asks for when it runs is locked with the rest, for packages and sdists alike, and never asked again for the same source", async () => {
  const workshop = await forge();
  const add = ({ name, bytes }: { readonly name: string; readonly bytes: Uint8Array }): void => write(workshop.directory, { [`wheels/${name}`]: bytes });
  const build = async (more: { readonly offline?: boolean } = {}): Promise<readonly string[]> => {
    const results = await workshop.build({ packages: ["job"] as never, ...more });
    return [await makerOf(workshop, results), await makerOf(workshop, results, "forge-sourced")];
  };
  add(part("1.0"));
  add(sourced("1.0", '[tool.forge]\nasks = ["forge_part >= 1"]\n'));
  rmSync(join(workshop.directory, "job/pylock.toml"));
  write(workshop.directory, { "job/pyproject.toml": asking('"forge-backend"') });
  workshop.git("commit", "-qam", "asking");
  expect([await build(), runsOf(workshop)]).toEqual([["forge 1.0 with part 1.0", "forge 1.0 with part 1.0"], 4]);

  // A year later: all of it has come out anew, and the wheels were lost.
  for (const file of [backend("1.5"), part("1.5")]) add(file);
  write(workshop.directory, { "job/job.py": '"""Job, better."""\n' });
  workshop.git("commit", "-qam", "better");
  const payload = await workshop.store.readJson<Payload>((await workshop.build({ packages: ["job"] as never, offline: true }))[0]!.artifacts[0]!.artifact.payload.digest);
  expect(runsOf(workshop)).toBe(2);
  for (const { wheel } of payload.distributions) rmSync(join(workshop.store.directory, "blobs/sha256", wheel.digest.slice("sha256:".length)));
  expect([await build({ offline: true }), runsOf(workshop)]).toEqual([["forge 1.0 with part 1.0", "forge 1.0 with part 1.0"], 2]);

  // Whoever writes down what is asked for has it in one run; so has whoever asks for what is there.
  write(workshop.directory, { "job/pyproject.toml": asking('"forge-backend", "forge-part<1.2"') });
  workshop.git("commit", "-qam", "written down");
  expect([await build(), runsOf(workshop)]).toEqual([["forge 1.5 with part 1.0", "forge 1.0 with part 1.0"], 1]);
});

it("what setup.py asks for by setup_requires is locked too, and nothing is fetched behind our back", async () => {
  const workshop = await forge();
  const { name, bytes } = part("1.0");
  write(workshop.directory, {
    [`wheels/${name}`]: bytes,
    "old/setup.py": 'from setuptools import setup\ntry:\n    from forge_part import version\nexcept ImportError:\n    version = "0"\nsetup(name="old", version=version, py_modules=["old"], setup_requires=["forge-part"])\n',
    "old/old.py": "",
    "caisson.toml": '[packages.old]\npath = "old"\n[index]\nfind-links = ["wheels"]\n',
  });
  workshop.git("add", "-A");
  workshop.git("commit", "-qm", "old");
  expect([(await workshop.build())[0]?.version, runsOf(workshop)]).toEqual(["1.0", 2]);
});

it("build requirements that lie in a directory or a repository are locked with what is in them", async () => {
  const workshop = await forge();
  const place = join(workshop.directory, ".home/part");
  const says = (version: string): void => write(place, { "forge_part.py": `"""Part."""\nversion = "${version}"\n`, "pyproject.toml": flit("forge-part", "1.0") });
  const need = (requirement: string): void => {
    write(workshop.directory, { "job/pyproject.toml": `[build-system]\nrequires = ["forge-backend", ${JSON.stringify(requirement)}]\nbuild-backend = "forge_backend"\n\n[project]\nname = "job"\nversion = "1.0"\ndependencies = ["forge-tool"]\n` });
    workshop.git("commit", "-qam", "asking");
  };
  const build = async (): Promise<string> => await makerOf(workshop, await workshop.build({ packages: ["job"] as never }));
  says("a");
  need(`forge-part @ ${pathToFileURL(place).href}`);
  expect(await build()).toBe("forge 1.0 with part a");
  says("b");
  expect(await build()).toBe("forge 1.0 with part b");

  const git = (...words: readonly string[]): string => workshop.gitIn(".home/part", ...words);
  git("init", "-q");
  git("add", "-A");
  git("commit", "-qm", "b");
  need(`forge-part @ git+${pathToFileURL(place).href}`);
  expect(await build()).toBe("forge 1.0 with part b");
  says("c");
  git("commit", "-qam", "c");
  write(workshop.directory, { "job/job.py": '"""Job, better."""\n' });
  workshop.git("commit", "-qam", "better");
  expect(await build()).toBe("forge 1.0 with part b");
});

it("what an sdist's back end needs is read from its archive, of any kind", async () => {
  const workshop = await forge();
  const { bytes } = sourced("1.0");
  const zip = zipSync({ "x-1/pyproject.toml": strToU8('[build-system]\nrequires = ["x"]\nbuild-backend = "y"\n') });
  const read = async (sdist: Uint8Array) => await sdistSystem(workshop.context, workshop.store, await workshop.store.write(sdist), "python3");
  expect(await Promise.all([bytes, zip, strToU8("none")].map(read))).toMatchObject([{ requires: ["forge-backend"], backEnd: "forge_backend" }, { requires: ["x"], backEnd: "y" }, { requires: ["setuptools>=40.8.0"] }]);
});
