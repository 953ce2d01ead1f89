import { join } from "node:path";
import type { InstalledFile } from "../support/installed-files.ts";

/** An environment somebody installed: its directory, and its files by path. */
export interface Installation {
  readonly root: string;
  readonly files: ReadonlyMap<string, InstalledFile>;
}

const SITE = "lib/python3.11/site-packages";

/** The id of the one difference that explains what is seen, a sentence where none does, undefined where there is none. */
export function explainDifference(path: string, theirs: Installation, ours: Installation): string | undefined {
  const [pips, own] = [theirs.files.get(path), ours.files.get(path)];
  const file = path.replace(/^.*\//, "");
  const inInfo = /\.dist-info\/[^/]+$/.test(path);
  if (own === undefined) {
    if (inInfo && file === "REQUESTED") return "requested";
    if (inInfo && file === "direct_url.json") return "direct-url";
    if (/\.py[co]$/.test(file)) return "bytecode";
    if (/^bin\/pip3\.\d+$/.test(path)) return "pip-itself";
    const header = /^include\/site\/python3\.11\/(.*)$/.exec(path)?.[1];
    if (header !== undefined && ours.files.get(`include/${header}`)?.bytes.equals(pips?.bytes ?? Buffer.alloc(0)) === true) return "headers";
    return "pip has it, we do not";
  }
  if (pips === undefined) {
    if (theirs.files.has(path.replace(/^include\//, "include/site/python3.11/"))) return "headers";
    const script = /^libexec\/[^/]+\/([^/]+)$/.exec(path)?.[1];
    if (script !== undefined && withoutFirstLine(theirs.files.get(`bin/${script}`)) === withoutFirstLine(own)) return "python-script";
    return "we have it, pip does not";
  }
  if (own.mode !== pips.mode) return explainMode(path, own, pips);
  if (own.bytes.equals(pips.bytes)) return undefined;
  if (inInfo && file === "INSTALLER" && own.bytes.toString() === "caisson\n" && pips.bytes.toString() === "pip\n") return "installer";
  if (inInfo && file === "RECORD") return explainRecord(path, theirs, ours);
  if (path.startsWith("bin/") && own.bytes.toString().includes("os.execv(sys.executable")) return "python-script";
  if (path.startsWith("bin/") && pips.bytes.toString().startsWith(`#!${theirs.root}/bin/python`)) return own.bytes.toString().startsWith("#!/bin/sh\n'''exec' ") ? "console-script" : "no launcher";
  return "the bytes differ";
}

function explainMode(path: string, own: InstalledFile, pips: InstalledFile): string {
  const more = own.mode === 0o755 && pips.mode === 0o644 && own.bytes.equals(pips.bytes);
  if (more && path.startsWith("bin/")) return "script-mode";
  if (more && path.endsWith("/typeless.sh")) return "mode-without-type";
  return `its mode is ${own.mode.toString(8)}, pip's ${pips.mode.toString(8)}`;
}

/** Two RECORDs may differ in order, line ends and in the rows of files that differ for a reason. */
function explainRecord(record: string, theirs: Installation, ours: Installation): string {
  const [own, pips] = [ours, theirs].map(({ files }) => recordRows(files.get(record)?.bytes.toString() ?? "")) as [Map<string, string>, Map<string, string>];
  const unexplained = [...new Set([...own.keys(), ...pips.keys()])].filter((path) => own.get(path) !== pips.get(path) && explainDifference(join(SITE, path), theirs, ours) === undefined);
  if (unexplained.length > 0) return `rows of RECORD differ for no reason: ${unexplained.join(", ")}`;
  return ours.files.get(record)?.bytes.toString() === [...own.values()].map((row) => `${row}\n`).join("") ? "record" : "our RECORD has odd line ends";
}

/** RECORD's rows by path. */
function recordRows(text: string): Map<string, string> {
  const rows = text.trimEnd().split(/\r?\n/);
  return new Map(rows.map((row) => [row.slice(0, row.lastIndexOf(",", row.lastIndexOf(",") - 1)).replaceAll('"', ""), row]));
}

function withoutFirstLine(file: InstalledFile | undefined): string | undefined {
  return file?.bytes.toString("latin1").replace(/^.*\n/, "");
}
