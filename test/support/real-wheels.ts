import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { mediaTypes, type Distribution } from "../../src/model/index.ts";
import { bytesSource, readWheel } from "../../src/python/index.ts";
import { hashFile, ownPath } from "../../src/system/index.ts";
import { once } from "./once.ts";
import { oraclePython } from "./python-oracle.ts";

const LIST = ownPath("test/python/real-wheels.txt");
/** What the wheels are for: CPython 3.11 on x86_64 with glibc 2.28. */
const PLATFORMS = ["any", "manylinux1_x86_64", "manylinux_2_5_x86_64", "manylinux2010_x86_64", "manylinux_2_12_x86_64", "manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_24_x86_64", "manylinux_2_27_x86_64", "manylinux_2_28_x86_64"];

/** A directory with the wheels of `test/python/real-wheels.txt`, downloaded once; undefined where there is no network and never was. */
export function realWheels(): string | undefined {
  const directory = ownPath(`.cache/real-wheels-${createHash("sha256").update(readFileSync(LIST)).digest("hex").slice(0, 12)}`);
  let failed = false;
  once(`${directory}.lock`, () => failed || existsSync(directory), () => {
    failed = !download(directory);
  });
  if (failed) console.warn("the real wheels cannot be downloaded; tests that need them are skipped");
  return failed ? undefined : directory;
}

function download(directory: string): boolean {
  const temporary = `${directory}.tmp-${process.pid}`;
  mkdirSync(temporary, { recursive: true });
  try {
    execFileSync(pip(), ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--python-version", "3.11", "--implementation", "cp", ...["cp311", "abi3", "none"].flatMap((abi) => ["--abi", abi]), ...PLATFORMS.flatMap((platform) => ["--platform", platform]), "--dest", temporary, "--requirement", LIST], { stdio: "inherit" });
    renameSync(temporary, directory);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** A Python with a pip of one version, whose `--python` installs into others. */
export function pip(): string {
  return oraclePython("pip", ["pip==26.3"]);
}

/** The file names of the real wheels, all or of some distributions. */
export function wheelNames(directory: string, names?: readonly string[]): readonly string[] {
  const all = readdirSync(directory).filter((name) => name.endsWith(".whl")).toSorted();
  if (names === undefined) return all;
  return names.map((wanted) => all.find((name) => name.startsWith(`${wanted.replaceAll("-", "_")}-`)) ?? missing(wanted));
}

function missing(name: string): never {
  throw new Error(`${name} is not in real-wheels.txt`);
}

/** Read a wheel from a file, by ranges. */
export async function readWheelFile(directory: string, fileName: string): Promise<Distribution> {
  const path = join(directory, fileName);
  const file = await open(path);
  try {
    const { digest, size } = await hashFile(path);
    const read = async (offset: number, length: number): Promise<Uint8Array> => {
      const bytes = Buffer.allocUnsafe(length);
      await file.read(bytes, 0, length, offset);
      return bytes;
    };
    return await readWheel(fileName, { digest, size, mediaType: mediaTypes.wheel }, { size, read });
  } finally {
    await file.close();
  }
}

/** A wheel's zip, in memory. */
export function wheelBytes(directory: string, fileName: string): ReturnType<typeof bytesSource> {
  return bytesSource(readFileSync(join(directory, fileName)));
}
