import { compareBytewise, fail, failAll, type Platform, type Problem } from "../../model/index.ts";
import { compareDotted } from "../elf/versions.ts";
import { platformFromFacts } from "./platform.ts";

/** A platform as pex, and other tools that choose wheels for foreign machines, write it down. */
export interface CompletePlatform {
  readonly marker_environment: Readonly<Record<string, string>>;
  /** Best first. */
  readonly compatible_tags: readonly string[];
  /** os-release ID and VERSION_ID; ours alone, and passed over by others. */
  readonly os?: Platform["os"];
}

/** A platform for those tools, and for us, to read. */
export function completePlatform(platform: Platform): CompletePlatform {
  const markers = Object.fromEntries(Object.entries(platform.markers).toSorted(([a], [b]) => compareBytewise(a, b)));
  return { marker_environment: markers, compatible_tags: platform.tags, os: platform.os };
}

/**
 * Read what such a tool wrote, word for word: its markers and its tags win over what we would make. A document that does not say of which system it is gets `os`. Other keys are passed over.
 * @throws CaissonError `config-invalid`
 */
export function parseCompletePlatform(file: string, text: string, os: Platform["os"] = { id: "linux", release: "" }): Platform {
  const { marker_environment: markers, compatible_tags: tags, os: own = os } = readShape(file, text);
  const problems: Problem[] = [];
  const refuse = (message: string, key: string): void => void problems.push({ code: "config-invalid", message, file, key });
  const machine = markers["platform_machine"];
  const arch = machine === "aarch64" ? "aarch64" : "x86_64";
  const [, family, version] = tags.map((tag) => /-(many|musl)linux_([0-9]+_[0-9]+)_/.exec(tag)).filter((found) => found !== null).toSorted((a, b) => compareDotted(b[2]?.replace("_", ".") ?? "", a[2]?.replace("_", ".") ?? ""))[0] ?? [];
  const python = markers["python_full_version"] ?? "";
  const [, minor] = /^3\.([0-9]+)\.[0-9]/.exec(python) ?? [];
  if (machine !== arch) refuse(`\`platform_machine\` is ${machine ?? "missing"}, and only x86_64 and aarch64 are known here`, "marker_environment");
  if (minor === undefined || markers["implementation_name"] !== "cpython") refuse("`marker_environment` is not that of a CPython 3", "marker_environment");
  else if (!tags.some((tag) => tag.startsWith(`cp3${minor}-cp3${minor}`))) refuse(`\`compatible_tags\` has none for the CPython 3.${minor} of \`marker_environment\``, "compatible_tags");
  if (version === undefined) refuse("`compatible_tags` names no glibc and no musl", "compatible_tags");
  failAll(problems);
  const libc = { family: family === "musl" ? "musl" : "glibc", version: version?.replace("_", ".") ?? "" } as const;
  const made = platformFromFacts({ os: own, arch, libc, python }, "ran");
  return { ...made, markers: { ...made.markers, ...markers }, tags };
}

function readShape(file: string, text: string): CompletePlatform {
  const value = parseJson(file, text) as Partial<CompletePlatform> | null;
  const [markers, tags, os] = [value?.marker_environment, value?.compatible_tags, value?.os];
  const isShape = isTexts(markers) && Array.isArray(tags) && tags.every((tag) => typeof tag === "string");
  if (!isShape) return fail({ code: "config-invalid", message: `\`${file}\` has no \`marker_environment\` of texts or no \`compatible_tags\``, file, hint: "caisson platform probe writes such a file" });
  return { marker_environment: markers, compatible_tags: tags, ...(isTexts(os) && typeof os.id === "string" && typeof os.release === "string" ? { os: { id: os.id, release: os.release } } : {}) };
}

function isTexts<Value>(value: Value | undefined): value is Value {
  return typeof value === "object" && value !== null && Object.values(value).every((member) => typeof member === "string");
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return fail({ code: "config-invalid", message: `\`${file}\` is not JSON`, file }, error);
  }
}
