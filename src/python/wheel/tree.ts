import { compareBytewise, digestHex, type Digest, type PackageName, type Tree, type TreeEntry } from "../../model/index.ts";
import { sha256, treeId } from "../../system/index.ts";
import type { ElfFile } from "../elf/facts.ts";
import type { EntryPoint } from "./entry-points.ts";
import { launcherText, scriptLauncherText } from "./launcher.ts";
import { printRecord } from "./record.ts";
import { refuse } from "./refuse.ts";
import { checkScriptName, looksLikeActivation, wrappedEntryPoint } from "./scripts.ts";
import type { Content } from "./content.ts";
import { place, type WheelLayout } from "./layout.ts";
import { caseClashes } from "../zip/names.ts";

type FileEntry = Extract<TreeEntry, { readonly kind: "file" }>;

interface WheelFiles {
  readonly wheel: Digest;
  readonly name: PackageName;
  /** The name as METADATA has it. */
  readonly written: string;
  readonly layout: WheelLayout;
  readonly contents: readonly Content[];
  readonly entryPoints: readonly EntryPoint[];
}

/**
 * A wheel's files where they will be installed, with launchers, INSTALLER and a RECORD of our own: rules W10 to W24.
 * @throws CaissonError `wheel-invalid`
 */
export function layTree(wheel: WheelFiles): { readonly tree: Tree; readonly elfFiles: readonly ElfFile[]; readonly namespaces: readonly string[]; readonly warnings: readonly string[] } {
  const files = new Map<string, FileEntry>();
  const elfFiles: ElfFile[] = [];
  const namespaces: string[] = [];
  const warnings: string[] = [];
  const add = (entry: FileEntry): void => addFile(files, entry);
  const wrapped = new Set(wheel.entryPoints.map(({ name }) => name));
  let bytecode = 0;
  for (const content of wheel.contents) {
    const { elf, member } = content;
    const placement = place(member.name, wheel.layout, wheel.written);
    if (placement.to === "nowhere") {
      if (placement.because === "bytecode") bytecode++;
      continue;
    }
    if (placement.to === "script" && wrapped.has(wrappedEntryPoint(placement.name))) continue;
    const path = placement.to === "script" ? `bin/${placement.name}` : placement.path;
    for (const entry of placement.to === "script" ? scriptEntries(wheel, placement.name, content) : [fileEntry(wheel, path, content)]) add(entry);
    if (content.namespace) namespaces.push(path);
    if (elf === "broken") warnings.push(`T9: \`${member.name}\` begins like an ELF file and cannot be read as one`);
    else if (elf !== undefined) elfFiles.push({ path, elf });
  }
  for (const { name, value } of wheel.entryPoints) {
    checkScriptName("W14", name);
    add(inlineEntry(`bin/${name}`, launcherText(value), 0o755));
  }
  add(inlineEntry(`site/${wheel.layout.distInfo}/INSTALLER`, "caisson\n", 0o644));
  add(recordEntry(wheel.layout, [...files.values()]));
  const entries = [...files.values()].toSorted((a, b) => compareBytewise(a.path, b.path));
  const paths = entries.map((entry) => entry.path);
  checkDirectories(paths);
  return { tree: { schema: "caisson.tree/1", id: treeId(entries), entries }, elfFiles, namespaces: namespaces.toSorted(compareBytewise), warnings: [...warnings, ...oddities(paths, bytecode)] };
}

/** Two files of one wheel in one place are one file, or an error: no installer agrees with another about the winner. */
function addFile(files: Map<string, FileEntry>, entry: FileEntry): void {
  const other = files.get(entry.path);
  if (other !== undefined && (other.digest !== entry.digest || other.mode !== entry.mode)) refuse("W22", `two different files of it go to \`${entry.path}\``);
  if (other === undefined) files.set(entry.path, entry);
}

function fileEntry(wheel: WheelFiles, path: string, content: Content): FileEntry {
  if (path.startsWith("bin/")) checkScriptName("W14", path.slice(4).split("/", 1)[0] ?? "");
  return memberEntry(wheel, path, content, (content.member.mode & 0o111) !== 0);
}

/** W12: a `#!python` script's first line would have to name a destination, so its body stays as it is and a launcher starts it. */
function scriptEntries(wheel: WheelFiles, name: string, content: Content): readonly FileEntry[] {
  checkScriptName("W11", name);
  if (!content.pythonScript) return [memberEntry(wheel, `bin/${name}`, content, true)];
  return [inlineEntry(`bin/${name}`, scriptLauncherText(wheel.name, name), 0o755), memberEntry(wheel, `data/libexec/${wheel.name}/${name}`, content, false)];
}

function memberEntry(wheel: WheelFiles, path: string, { member, digest }: Content, executable: boolean): FileEntry {
  return { kind: "file", path, mode: executable ? 0o755 : 0o644, digest, size: member.size, source: { from: "member", blob: wheel.wheel, member: member.name } };
}

function inlineEntry(path: string, text: string, mode: FileEntry["mode"]): FileEntry {
  return { kind: "file", path, mode, digest: sha256(text), size: Buffer.byteLength(text), source: { from: "inline", text } };
}

/** W21: sorted, every file with its hash, paths relative to site-packages. */
function recordEntry({ distInfo }: WheelLayout, files: readonly FileEntry[]): FileEntry {
  const rows = files.map(({ path, digest, size }) => ({ path: installedPath(path), hash: { algorithm: "sha256", value: Buffer.from(digestHex(digest), "hex").toString("base64url") }, size }));
  const own = { path: `${distInfo}/RECORD` };
  return inlineEntry(`site/${own.path}`, printRecord([...rows, own].toSorted((a, b) => compareBytewise(a.path, b.path))), 0o644);
}

/** A tree's path as RECORD has it, three levels below the environment: `lib/pythonX.Y/site-packages`. */
function installedPath(path: string): string {
  const [, area, rest = ""] = /^([a-z]+)\/(.*)$/s.exec(path) ?? [];
  if (area === "site") return rest;
  return area === "data" ? `../../../${rest}` : `../../../${path}`;
}

function checkDirectories(sorted: readonly string[]): void {
  const files = new Set(sorted);
  for (const path of sorted) {
    for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
      if (files.has(path.slice(0, slash))) refuse("W22", `\`${path.slice(0, slash)}\` would be a file and a directory`);
    }
  }
}

function oddities(paths: readonly string[], bytecode: number): readonly string[] {
  return [
    ...(bytecode > 0 ? [`W18: ${bytecode} files of bytecode are left out; bytecode is made where it runs`] : []),
    ...paths.filter((path) => /^site\/[^/]+\.(?:pth|start)$/.test(path)).map((path) => `W23: \`${path.slice(5)}\` runs or changes the import path whenever Python starts`),
    ...paths.filter((path) => path.startsWith("bin/") && looksLikeActivation(path.slice(4))).map((path) => `W14: \`${path.slice(4)}\` has the name of a script that activates an environment`),
    ...caseClashes(paths).map(([one, other]) => `Z13: \`${one}\` and \`${other}\` differ only in case`),
  ];
}
