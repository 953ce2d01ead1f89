import { execFileSync } from "node:child_process";
import { compareBytewise, type Digest, type Distribution } from "../../src/model/index.ts";
import { describe, expect, it } from "vitest";
import { bytesSource, checkElf, normalizeWheel, platformPreset, readWheel } from "../../src/python/index.ts";
import { mapConcurrently, sha256 } from "../../src/system/index.ts";
import { readWheelFile, realWheels, wheelBytes, wheelNames } from "../support/real-wheels.ts";

const directory = realWheels() ?? "";
const names = directory === "" ? [] : wheelNames(directory);

let reading: Promise<readonly Distribution[]> | undefined;

/** All of them, read once. */
function distributions(): Promise<readonly Distribution[]> {
  reading ??= mapConcurrently(names, 2, (name) => readWheelFile(directory, name));
  return reading;
}

/** The digest of each member of each wheel, by Python's own zipfile. */
function zipfileDigests(): Record<string, Record<string, Digest>> {
  const script = `
import hashlib, json, os, sys, zipfile
def digests(path):
    with zipfile.ZipFile(path) as z:
        return {i.filename: "sha256:" + hashlib.sha256(z.read(i)).hexdigest() for i in z.infolist() if not i.is_dir()}
print(json.dumps({name: digests(os.path.join(sys.argv[1], name)) for name in os.listdir(sys.argv[1])}))`;
  return JSON.parse(execFileSync("python3", ["-I", "-c", script, directory], { encoding: "utf8", maxBuffer: 1 << 28 })) as Record<string, Record<string, Digest>>;
}

/** What does not fit a platform: code and name. */
async function unfit(label: string): Promise<readonly string[]> {
  const platform = platformPreset(label);
  if (platform === undefined) throw new Error(`${label} is no preset`);
  return (await distributions()).flatMap((distribution) => checkElf(distribution, platform).map(({ code }) => `${code} ${distribution.name}`));
}

describe.skipIf(directory === "")("at least 100 real wheels (needs the network once)", () => {
  it("are accepted, and every file's digest is the one that Python's zipfile finds", async () => {
    expect(names.length).toBeGreaterThanOrEqual(100);
    const theirs = zipfileDigests();
    const wrong: string[] = [];
    for (const { fileName: name, tree } of await distributions()) {
      const members = new Map(Object.entries(theirs[name] ?? {}));
      for (const entry of tree.entries) {
        if (entry.kind !== "file") wrong.push(`${name}: ${entry.path} is a ${entry.kind}`);
        else if (entry.source.from === "member" && members.get(entry.source.member) !== entry.digest) wrong.push(`${name}: ${entry.path}`);
        else if (entry.source.from === "member") members.delete(entry.source.member);
        else if (entry.source.from === "inline" && sha256(entry.source.text) !== entry.digest) wrong.push(`${name}: ${entry.path}`);
      }
      // What is not taken over is written anew or is a cache.
      wrong.push(...[...members.keys()].filter((member) => !/\.dist-info\/(?:RECORD|INSTALLER|REQUESTED|direct_url\.json)$|\.py[co]$/.test(member)).map((member) => `${name}: ${member} is lost`));
    }
    expect(wrong).toEqual([]);
  });

  it("fit the platform they were chosen for, and only those that say so fit an older or another one", async () => {
    expect(await unfit("debian-12")).toEqual([]);
    const old = await unfit("centos-7");
    expect(old).toContain("wheel-unfit numpy");
    expect(old).not.toContain("wheel-unfit coverage");
    expect((await unfit("debian-12-arm64")).toSorted(compareBytewise)).toEqual(expect.arrayContaining(["wheel-unfit cryptography", "wheel-unfit numpy"]));
  });

  it("become the same distribution when they are made normal", async () => {
    const small = wheelNames(directory, ["jmespath", "greenlet", "argcomplete", "notebook_shim", "zope_interface", "flask"]);
    for (const name of small) {
      const bytes = await normalizeWheel(name, wheelBytes(directory, name));
      const again = await readWheel(name, { digest: sha256(bytes), size: bytes.length, mediaType: "" }, bytesSource(bytes));
      expect(again.tree.id).toBe((await readWheelFile(directory, name)).tree.id);
    }
  });
});
