import { fail, type PackageName, type Platform } from "../../model/index.ts";
import { evaluateMarker, parseRequirement, type Lock } from "../../python/index.ts";
import { fileOf } from "./needs.ts";
import { readRequirementFile, type IndexOptions, type RequirementLine } from "./requirement-lines.ts";
import type { ForeignNeed, LockRequest } from "./requirements.ts";

/** A requirements.txt that says for each distribution which version, and which files, by their hashes. It names no addresses, so that the index is asked where the files are. */
export interface Pins {
  /** As a user would type it, from the workspace. */
  readonly file: string;
  /** All lines of it, and of what it includes. */
  readonly text: string;
  readonly index?: IndexOptions;
  /** What holds on the platform. */
  readonly needs: readonly ForeignNeed[];
  /** By name: lower-case hex of each SHA-256. */
  readonly hashes: ReadonlyMap<PackageName, ReadonlySet<string>>;
}

/**
 * The hashed requirements.txt of a package; undefined where there is none, or one without hashes.
 * @throws CaissonError `config-invalid` where only some lines have hashes, or one does not pin its version
 * Source: pip's documentation of its hash-checking mode
 */
export async function readPins({ package: pkg, platform, source }: LockRequest): Promise<Pins | undefined> {
  const own = source(pkg);
  const text = await own?.readText("requirements.txt");
  if (own === undefined || text === undefined || !/\s--hash[= ]|^\s*(?:-r|--requirement)/m.test(text)) return undefined;
  const { lines, index } = await readRequirementFile(pkg, own, (name) => fileOf(pkg, name), "requirements.txt", text);
  if (!lines.some((line) => HASH.test(line.text))) return undefined;
  const pins = lines.filter(({ constraint }) => constraint !== true).flatMap((line) => readPin(fileOf(pkg, line.file), line, platform));
  const file = fileOf(pkg, "requirements.txt");
  return {
    file,
    text: lines.map((line) => `${line.text}\n`).join(""),
    ...(index === undefined ? {} : { index }),
    needs: pins.map(({ need }) => ({ ...need, by: file })),
    hashes: new Map(pins.map(({ need, hashes }) => [need.name, new Set(hashes)])),
  };
}

const HASH = /\s--hash[= ]/;

function readPin(file: string, { text, line }: RequirementLine, platform: Platform): readonly { readonly need: Omit<ForeignNeed, "by">; readonly hashes: readonly string[] }[] {
  const refuse = (message: string): never => fail({ code: "config-invalid", file, line, message, hint: "write it anew: uv pip compile --generate-hashes" });
  const hashes = [...text.matchAll(/\s--hash[= ]sha256:([0-9a-fA-F]{64})(?=\s|$)/g)].map(([, digest = ""]) => digest.toLowerCase());
  const written = text.replaceAll(/\s--hash[= ]\S+/g, "").trim();
  if (hashes.length === 0) refuse(`\`${written}\` has no SHA-256, and other lines of \`${file}\` have`);
  const { name, specifier, url, marker } = parseRequirement(written);
  if (url === undefined && !/^={2,3}[^,*]+$/.test(specifier)) refuse(`\`${written}\` names no exact version`);
  if (marker !== undefined && !evaluateMarker(marker, platform.markers)) return [];
  const end = url === undefined ? written.indexOf(";") : written.search(/\s;/);
  return [{ need: { text: end < 0 ? written : written.slice(0, end).trim(), name, specifier }, hashes }];
}

/**
 * The lock without the files that nobody vouched for.
 * @throws CaissonError `lock-stale` where something is not pinned · `wheel-unfit` where the index has none of the files
 */
export function keepPinned(lock: Lock, { file, hashes }: Pins): Lock {
  return {
    ...lock,
    packages: lock.packages.map((locked) => {
      const known = hashes.get(locked.name) ?? fail({ code: "lock-stale", file, message: `\`${file}\` has hashes, and lacks \`${locked.name}\`, which something in it needs`, hint: "write it anew: uv pip compile --generate-hashes" });
      const files = locked.files.filter(({ hashes: { sha256 = "" } }) => known.has(sha256));
      if (files.length === 0) fail({ code: "wheel-unfit", file, message: `the index has no file of \`${locked.name}\` ${locked.version ?? ""} with a hash that \`${file}\` names`, hint: "write it anew: uv pip compile --generate-hashes" });
      return { ...locked, files };
    }),
  };
}
