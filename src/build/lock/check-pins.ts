import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { CaissonError, normalizeName, type Problem } from "../../model/index.ts";
import { parseWheelFileName, select, type LockedFile, type LockedPackage } from "../../python/index.ts";
import { hashFile, mapConcurrently, type Context } from "../../system/index.ts";
import { indexClient } from "../fetch/http.ts";
import { readIndexPage, type IndexFile } from "../fetch/index-page.ts";
import type { PackageIndex } from "../fetch/index-settings.ts";
import { uvPlatform } from "../uv/uv-platform.ts";
import { fileOf } from "./needs.ts";
import type { Pins } from "./pins.ts";
import type { ForeignNeed, LockRequest } from "./requirements.ts";

/**
 * After uv found no solution for what is pinned: whether there are files that were vouched for, and none of them is for the platform.
 * @throws CaissonError `wheel-unfit` with all of them
 */
export async function checkPins(ctx: Context, request: LockRequest, index: PackageIndex, { file, needs, hashes }: Pins): Promise<void> {
  const { platform, package: pkg } = request;
  const packages = await mapConcurrently(needs.filter(({ specifier }) => specifier !== ""), 8, async (need): Promise<readonly LockedPackage[]> => {
    const known = hashes.get(need.name) ?? new Set<string>();
    const files = (await offered(ctx, index, need)).flatMap(({ fileName, url, sha256 = "" }): readonly LockedFile[] => (known.has(sha256) ? [{ fileName, url, hashes: { sha256 }, kind: fileName.endsWith(".whl") ? "wheel" : "sdist" }] : []));
    return files.length === 0 ? [] : [{ name: need.name, version: need.specifier.replace(/^=+\s*/, ""), files, archive: false }];
  });
  const selected = select({ file, lockVersion: "1.0", createdBy: "", environments: [], extras: [], dependencyGroups: [], defaultGroups: [], packages: packages.flat(), warnings: [] }, platform, { written: pkg.written });
  if (!("problems" in selected)) return;
  const hint = await renewal(request);
  throw new CaissonError(selected.problems.map((problem) => ({ ...problem, hint })) as [Problem, ...Problem[]], new Error(`its hashes are of ${selected.files.join("\nits hashes are of ")}`));
}

async function offered(ctx: Context, index: PackageIndex, need: ForeignNeed): Promise<readonly IndexFile[]> {
  const get = indexClient(ctx, index);
  const addresses = index.disabled ? [] : [...index.extra, index.url];
  const pages = await Promise.all(addresses.map((address) => readIndexPage(get, address, need.name)));
  const local = await Promise.all(index.findLinks.filter((link) => link.startsWith("/")).map((directory) => lying(directory, need)));
  return [...pages.flatMap((page) => page ?? []), ...local.flat()];
}

async function lying(directory: string, { name }: ForeignNeed): Promise<readonly IndexFile[]> {
  const names = await readdir(directory).catch(() => []);
  const wheels = names.filter((fileName) => normalizeName(parseWheelFileName(fileName)?.name ?? "none") === name);
  return await Promise.all(wheels.map(async (fileName) => ({ fileName, url: "", sha256: (await hashFile(join(directory, fileName))).digest.slice("sha256:".length) })));
}

/** What writes lines with hashes for a platform. */
async function renewal({ package: pkg, platform, source }: LockRequest): Promise<string> {
  const own = source(pkg);
  const asks = (await own?.readText("requirements.in")) === undefined && (await own?.readText("pyproject.toml")) !== undefined ? "pyproject.toml" : "requirements.in";
  return `uv pip compile --generate-hashes --python-platform ${uvPlatform(platform)} --python-version ${platform.python.version} ${fileOf(pkg, asks)} --output-file ${fileOf(pkg, "requirements.txt")}`;
}
