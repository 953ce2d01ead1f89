import { fail, type FormatName, type Payload } from "../model/index.ts";

/** The bundle's containers that are one file. */
export type ArchiveName = "tar.gz" | "tar.bz2" | "tar" | "zip";

/** One word of `--format`. */
export interface Format {
  readonly name: FormatName;
  /** What file names end in; "" for the directory that is a bundle. */
  readonly suffix: string;
}

/** The containers of a bundle, in the order in which people see them. The first is the default of all formats. */
export const containers: readonly (Format & { readonly name: ArchiveName | "dir" })[] = [
  { name: "tar.gz", suffix: ".tar.gz" },
  { name: "tar.bz2", suffix: ".tar.bz2" },
  { name: "tar", suffix: ".tar" },
  { name: "zip", suffix: ".zip" },
  { name: "dir", suffix: "" },
];

/** Every format there is, in the order in which people see them. */
export const formats: readonly Format[] = [...containers, { name: "wheelhouse", suffix: "-wheelhouse" }, { name: "turret", suffix: ".tar" }];

/** @throws CaissonError `format-unknown` */
export function parseFormat(text: string): Format {
  return formats.find(({ name }) => name === text) ?? fail({ code: "format-unknown", message: `unknown format \`${text}\``, hint: `one of ${formats.map(({ name }) => name).join(", ")}` });
}

/** `hello-1.0-debian-12.tar.gz`; the directory of that format has no suffix. A turret's archive is the same on every platform, and called so. */
export function artifactFileName(payload: Payload, format: FormatName): string {
  if (format === "wheelhouse") return wheelhouseName(payload.written, payload.version, payload.platform.label);
  if (format === "turret") return `${payload.written}-${payload.version}${parseFormat(format).suffix}`;
  return `${topFolder(payload)}${parseFormat(format).suffix}`;
}

/** `hello-1.0-centos-7-wheelhouse`; the one for a workspace's default platform says none: `hello-1.0-wheelhouse`. */
export function wheelhouseName(written: string, version: string, label?: string): string {
  return `${[written, version, ...(label === undefined ? [] : [label])].join("-")}${parseFormat("wheelhouse").suffix}`;
}

/** Names in a bundle's `data/` that are ours, and that the files of build scripts may not have. */
export const ownDataNames: readonly string[] = ["agent.py", "blobs", "install-lines.sh", "payload.json", "trees", "wheels"];

/** The one folder that a bundle's members lie in, `hello-1.0-debian-12`. */
export function topFolder(payload: Payload): string {
  return `${payload.written}-${payload.version}-${payload.platform.label}`;
}
