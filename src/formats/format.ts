import { fail, type FormatName, type Payload } from "../model/index.ts";

/** One word of `--format`. */
export interface Format {
  readonly name: FormatName;
  /** What file names end in, with its dot; "" for a directory. */
  readonly suffix: string;
}

/** Every format there is, in the order in which people see them. The first is the default. */
export const formats: readonly Format[] = [
  { name: "tar.gz", suffix: ".tar.gz" },
  { name: "tar.bz2", suffix: ".tar.bz2" },
  { name: "tar", suffix: ".tar" },
  { name: "zip", suffix: ".zip" },
  { name: "dir", suffix: "" },
  { name: "turret", suffix: ".tar" },
];

/** @throws CaissonError `format-unknown` */
export function parseFormat(text: string): Format {
  return formats.find(({ name }) => name === text) ?? fail({ code: "format-unknown", message: `unknown format \`${text}\``, hint: `one of ${formats.map(({ name }) => name).join(", ")}` });
}

/** `hello-1.0-debian-12.tar.gz`; the directory of that format has no suffix. A turret's archive is the same on every platform, and called so. */
export function artifactFileName(payload: Payload, format: FormatName): string {
  if (format === "turret") return `${payload.written}-${payload.version}${parseFormat(format).suffix}`;
  return `${topFolder(payload)}${parseFormat(format).suffix}`;
}

/** The one folder that a bundle's members lie in, `hello-1.0-debian-12`. */
export function topFolder(payload: Payload): string {
  return `${payload.written}-${payload.version}-${payload.platform.label}`;
}
