import { compareBytewise, fail, failAll, type Platform, type Problem } from "../../model/index.ts";
import { platformFromFacts } from "./platform.ts";
import { compareVersions } from "../version/version.ts";

/** A platform as pex, and other tools that choose wheels for foreign machines, write it down. */
export interface CompletePlatform {
  readonly marker_environment: Readonly<Record<string, string>>;
  /** Best first. */
  readonly compatible_tags: readonly string[];
}

/** A platform for those tools to read. */
export function completePlatform(platform: Platform): CompletePlatform {
  return { marker_environment: Object.fromEntries(Object.entries(platform.markers).toSorted(([a], [b]) => compareBytewise(a, b))), compatible_tags: platform.tags };
}

/**
 * Read what such a tool wrote on a machine of `os`, word for word: its markers and its tags win over what we would make. Other keys are passed over.
 * @throws CaissonError `config-invalid`
 */
export function parseCompletePlatform(file: string, text: string, os: Platform["os"]): Platform {
  const { marker_environment: markers, compatible_tags: tags } = readShape(file, text);
  const problems: Problem[] = [];
  const refuse = (message: string, key: string): void => void problems.push({ code: "config-invalid", message, file, key });
  const machine = markers["platform_machine"];
  const arch = machine === "aarch64" ? "aarch64" : "x86_64";
  const [, family, version] = tags.map((tag) => /-(many|musl)linux_([0-9]+_[0-9]+)_/.exec(tag)).filter((found) => found !== null).toSorted((a, b) => compareVersions(b[2]?.replace("_", ".") ?? "", a[2]?.replace("_", ".") ?? ""))[0] ?? [];
  const python = markers["python_full_version"] ?? "";
  if (machine !== arch) refuse(`\`platform_machine\` is ${machine ?? "missing"}, and only x86_64 and aarch64 are known here`, "marker_environment");
  if (!/^3\.[0-9]+\.[0-9]/.test(python) || markers["implementation_name"] !== "cpython") refuse("`marker_environment` is not that of a CPython 3", "marker_environment");
  if (version === undefined) refuse("`compatible_tags` names no glibc and no musl", "compatible_tags");
  failAll(problems);
  const libc = { family: family === "musl" ? "musl" : "glibc", version: version?.replace("_", ".") ?? "" } as const;
  const made = platformFromFacts({ os, arch, libc, python }, "ran");
  return { ...made, markers: { ...made.markers, ...markers }, tags };
}

function readShape(file: string, text: string): CompletePlatform {
  const value = parseJson(file, text) as Partial<CompletePlatform> | null;
  const [markers, tags] = [value?.marker_environment, value?.compatible_tags];
  const isShape = typeof markers === "object" && Object.values(markers).every((member) => typeof member === "string") && Array.isArray(tags) && tags.every((tag) => typeof tag === "string");
  return isShape ? { marker_environment: markers, compatible_tags: tags } : fail({ code: "config-invalid", message: `\`${file}\` has no \`marker_environment\` of texts or no \`compatible_tags\``, file });
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return fail({ code: "config-invalid", message: `\`${file}\` is not JSON`, file }, error);
  }
}
