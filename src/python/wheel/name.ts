import { normalizeName, type PackageName } from "../../model/index.ts";
import { normalizeVersion } from "../version/version.ts";

/** What a wheel's file name says. */
export interface WheelName {
  readonly name: PackageName;
  /** Normalised. */
  readonly version: string;
  readonly build?: string;
  readonly pythonTags: readonly string[];
  readonly abiTags: readonly string[];
  readonly platformTags: readonly string[];
}

/**
 * The parts of `name-version[-build]-python-abi-platform.whl`, or undefined where it is no wheel's name. Upper case and dots in names are accepted, as real wheels have them.
 * Source: packaging.python.org/specifications/binary-distribution-format
 */
export function parseWheelFileName(fileName: string): WheelName | undefined {
  const parts = SHAPE.exec(fileName)?.groups;
  if (parts === undefined) return undefined;
  const { name = "", version: written = "", build, python = "", abi = "", platform = "" } = parts;
  const version = normalizeVersion(written.replaceAll("_", "-")) ?? normalizeVersion(written);
  if (version === undefined) return undefined;
  return { name: normalizeName(name), version, ...(build === undefined ? {} : { build }), pythonTags: python.split("."), abiTags: abi.split("."), platformTags: platform.split(".") };
}

const TAG = "[A-Za-z0-9_]+(?:\\.[A-Za-z0-9_]+)*";
const SHAPE = new RegExp(`^(?<name>[A-Za-z0-9](?:[A-Za-z0-9._]*[A-Za-z0-9])?)-(?<version>[A-Za-z0-9_.!+]+)(?:-(?<build>[0-9][A-Za-z0-9_.]*))?-(?<python>${TAG})-(?<abi>${TAG})-(?<platform>${TAG})\\.whl$`);

/** Every single tag of a compressed tag set, `py2-none-any`, in no order. */
export function expandTags(name: Pick<WheelName, "pythonTags" | "abiTags" | "platformTags">): ReadonlySet<string> {
  return new Set(name.pythonTags.flatMap((python) => name.abiTags.flatMap((abi) => name.platformTags.map((platform) => `${python}-${abi}-${platform}`))));
}
