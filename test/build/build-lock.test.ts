import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { sdistRequires } from "../../src/build/wheel/sdist-requires.ts";
import { requiresOf } from "../../src/build/wheel/build-requires.ts";
import type { Payload } from "../../src/model/index.ts";
import { backend, sourced, write, writeForge } from "../support/forge.ts";
import { makeWorkshop, type TestWorkshop } from "./workshop.ts";

const open: TestWorkshop[] = [];
afterEach(() => open.splice(0).forEach((workshop) => workshop.remove()));

async function forge(): Promise<TestWorkshop> {
  const workshop = await makeWorkshop({});
  open.push(workshop);
  writeForge(workshop.directory, (...words) => workshop.git(...words));
  return workshop;
}

/** Which version of the back end made the wheel of `job`; it says so in WHEEL. */
async function makerOf({ store }: TestWorkshop, [result]: Awaited<ReturnType<TestWorkshop["build"]>>): Promise<string> {
  const payload = await store.readJson<Payload>(result!.artifacts[0]!.artifact.payload.digest);
  const wheel = payload.distributions.find(({ name }) => name === "job")!;
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

it("what an sdist's back end needs is read from its archive", async () => {
  const workshop = await forge();
  const { name, bytes } = sourced("1.0");
  const sdist = await workshop.store.write(bytes);
  expect(await sdistRequires(workshop.context, workshop.store, sdist, name)).toEqual(["forge-backend"]);
  expect(requiresOf(undefined)).toEqual(["setuptools>=40.8.0"]);
  expect(requiresOf("no toml [")).toEqual(["setuptools>=40.8.0"]);
});
