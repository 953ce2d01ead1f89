import { refuse } from "./refuse.ts";
import type { WheelName } from "./name.ts";
import { normalizeName } from "../../model/index.ts";
import { normalizeVersion } from "../version/version.ts";

/** Where a wheel keeps what is not for site-packages. */
export interface WheelLayout {
  /** `name-1.0.dist-info` as it stands in the archive. */
  readonly distInfo: string;
  /** `name-1.0.data`, where there is one. */
  readonly data?: string;
}

/** Where a file of a wheel goes. */
export type Placement =
  | { readonly to: "tree"; readonly path: string }
  | { readonly to: "script"; readonly name: string }
  | { readonly to: "nowhere"; readonly because: "bytecode" | "ours" };

/**
 * The wheel's own dist-info and data directories, rules W2 and W10.
 * @throws CaissonError `wheel-invalid`
 */
export function findLayout(paths: readonly string[], name: WheelName): WheelLayout {
  const tops = [...new Set(paths.map((path) => path.split("/", 1)[0] ?? ""))];
  const infos = tops.filter((top) => /\.dist-info$/i.test(top));
  const [distInfo] = infos;
  if (distInfo === undefined) return refuse("W2", "it has no dist-info directory");
  if (infos.length > 1) refuse("W2", `it has ${infos.length} dist-info directories: ${infos.map((info) => `\`${info}\``).join(", ")}`);
  if (!isNamed(distInfo, ".dist-info", name)) refuse("W2", `\`${distInfo}\` is not the dist-info directory of \`${name.name}\` ${name.version}`);
  const datas = tops.filter((top) => top.endsWith(".data"));
  const [data] = datas;
  for (const other of datas) if (!isNamed(other, ".data", name) || other !== data) refuse("W10", `\`${other}\` is not the data directory of \`${name.name}\` ${name.version}`);
  return { distInfo, ...(data === undefined ? {} : { data }) };
}

/** `Name-1.0+local.dist-info` for `name` and `1.0`: spelling and local part may differ. */
function isNamed(directory: string, suffix: string, { name, version }: WheelName): boolean {
  const [, written = "", writtenVersion = ""] = /^(.+?)-([^-]+)$/.exec(directory.slice(0, -suffix.length)) ?? [];
  return directory.endsWith(suffix) && normalizeName(written) === name && samePublicVersion(writtenVersion, version);
}

/** Whether two versions are one, their local parts aside. */
function samePublicVersion(a: string, b: string): boolean {
  return publicPart(a) === publicPart(b);
}

function publicPart(version: string): string | undefined {
  const normal = normalizeVersion(version) ?? normalizeVersion(version.replaceAll("_", "-"));
  return normal?.replace(/\+.*$/, "");
}

/**
 * Where a member goes, rules W10, W11, W18 and W19. `written` is the distribution's name as its METADATA has it.
 * @throws CaissonError `wheel-invalid`
 */
export function place(path: string, layout: WheelLayout, written: string): Placement {
  const [top = "", key, ...below] = path.split("/");
  if (top !== layout.data) return placeInSite(path, layout);
  const rest = below.join("/");
  if (key === undefined || rest === "") return refuse("W10", `\`${path}\` lies directly in \`${top}\`, where only purelib, platlib, headers, scripts and data are known`);
  switch (key) {
    case "purelib":
    case "platlib":
      return placeInSite(rest, layout);
    case "headers":
      return { to: "tree", path: `include/${written}/${rest}` };
    case "data":
      return placeInPrefix(rest);
    case "scripts":
      if (below.length > 1) refuse("W11", `\`${path}\` lies in a directory of \`scripts\``);
      return { to: "script", name: rest };
    default:
      return refuse("W10", `\`${top}/${key}\` is no place that a wheel may write to`);
  }
}

function placeInSite(path: string, { distInfo }: WheelLayout): Placement {
  if (isBytecode(path)) return { to: "nowhere", because: "bytecode" };
  if (REWRITTEN.some((name) => path === `${distInfo}/${name}`)) return { to: "nowhere", because: "ours" };
  return { to: "tree", path: `site/${path}` };
}

/** `.data/data` is the environment's own directory, so what it has in `bin/` is a program like any other. */
function placeInPrefix(path: string): Placement {
  if (path === "pyvenv.cfg") refuse("W10", "it would replace the environment's `pyvenv.cfg`");
  if (isBytecode(path)) return { to: "nowhere", because: "bytecode" };
  return { to: "tree", path: path.startsWith("bin/") ? path : `data/${path}` };
}

/** Whether a path is compiled Python, which is a cache and never content: rule W18. */
export function isBytecode(path: string): boolean {
  return /(?:^|\/)__pycache__\/|\.py[co]$/.test(path);
}

/** Files of dist-info that say how a wheel was installed; we write the first two ourselves, the others depend on the role. */
const REWRITTEN: readonly string[] = ["RECORD", "INSTALLER", "REQUESTED", "direct_url.json"];
