import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { posix } from "node:path";
import { compareBytewise, fail, mediaTypes, type Descriptor, type Package, type Process, type Tree, type TreeEntry } from "../../model/index.ts";
import { turretFolder, type NewMember } from "../../formats/index.ts";
import { launcherText, normalizeVersion } from "../../python/index.ts";
import type { Store } from "../../store/index.ts";
import { mapConcurrently, ownPath, sha256, treeId, type Context } from "../../system/index.ts";
import { fileOf } from "../lock/needs.ts";
import type { Source } from "../source/source.ts";
import { gatherFiles } from "./files.ts";
import { warnOfOldScript } from "./pack.ts";
import { readTurretProject, type TurretProject } from "./project.ts";
import { withStandIn } from "./setup.ts";
import type { Turret } from "./turret.ts";

/** A turret's own files as a tree, and what is said of it. */
export interface TurretFiles {
  readonly turret: Turret;
  readonly tree: Tree;
  readonly document: Descriptor;
  readonly blobs: readonly Descriptor[];
}

/**
 * The files of a `turret` package at its revision: those of its archive in one folder, and the program that starts it.
 * @throws CaissonError `config-invalid` · `key-missing`
 */
export async function readTurretPackage({ ctx, store }: { readonly ctx: Context; readonly store: Store }, pkg: Package, source: Source, version: string): Promise<TurretFiles> {
  const [{ turret, absent }, directory] = await Promise.all([findTurret(pkg, source), source.checkout()]);
  for (const key of absent) ctx.report({ type: "notice", message: `\`${fileOf(pkg, "config.json")}\` has no \`${key}\`: \`${pkg.written}\` takes the default, ${String(turret.config[PACKED[key] ?? key])}` });
  const members = await gatherFiles(directory, turret, { setup: true, version: normalizeVersion(version) ?? "0.1", fromAnywhere: false, read: (path) => createReadStream(path) });
  await warnOfOldScript(ctx, directory, turret);
  const blobs: Descriptor[] = [];
  const files = await mapConcurrently(members, 8, async (member) => await toEntry(store, member, blobs));
  const entries = [...files, ...(await startEntries(turret))].toSorted((a, b) => compareBytewise(a.path, b.path));
  const tree: Tree = { schema: "caisson.tree/1", id: treeId(entries), entries };
  return { turret, tree, document: await store.writeJson(tree, mediaTypes.tree), blobs };
}

/** What a turret's environment is made of, in the words of a source that is nothing but its requirements and the lock beside it. */
export function turretRequirements(source: Source, pkg: Package): Source {
  return {
    ...source,
    readText: async (name) => {
      if (name !== "requirements.txt") return /^pylock\.[^/]*toml$/.test(name) ? await source.readText(name) : undefined;
      const { turret } = await findTurret(pkg, source);
      return turret.python ? withStandIn(turret.requirements).map((need) => `${need}\n`).join("") : "";
    },
  };
}

/** A turret of its own command is started by that: its words follow those of the process that starts turrets. */
export function withCommand(processes: readonly Process[], command: readonly string[]): readonly Process[] {
  return processes.map((process) => (process.argv.length === 1 && process.argv[0] === STARTER ? { ...process, argv: [STARTER, ...command] } : process));
}

const STARTER = "start-turret";

/** What packing calls the keys of a project's top. */
const PACKED: Readonly<Record<string, string>> = { publish_port: "hq_publisher", rc_port: "hq_rc" };

async function findTurret(pkg: Package, source: Source): Promise<{ readonly turret: Turret; readonly absent: TurretProject["absent"] }> {
  const { turrets, absent } = await readTurretProject(async (path) => (isInside(path) ? await source.readText(posix.normalize(path)) : undefined), (path) => fileOf(pkg, path));
  const wanted = pkg.turret ?? pkg.written;
  const turret = turrets.find(({ name }) => name === wanted);
  return { absent, turret: turret ?? fail({ code: "config-invalid", file: fileOf(pkg, "config.json"), key: "turrets", message: `there is no turret \`${wanted}\``, hint: `turrets there: ${turrets.map(({ name }) => name).join(", ")}` }) };
}

function isInside(path: string): boolean {
  return !posix.isAbsolute(path) && posix.normalize(path).split("/")[0] !== "..";
}

async function toEntry(store: Store, member: NewMember, blobs: Descriptor[]): Promise<TreeEntry> {
  const path = `root/${turretFolder}/${member.path.replace(/\/$/, "")}`;
  if (member.kind === "directory") return { kind: "directory", path };
  const blob = await store.write(member.open(), { size: member.size }, mediaTypes.bytes);
  blobs.push(blob);
  return { kind: "file", path, mode: member.mode === 0o755 ? 0o755 : 0o644, digest: blob.digest, size: blob.size, source: { from: "blob", blob: blob.digest } };
}

/** `bin/start-turret`, and for oct-turrets the module that it runs. */
async function startEntries({ command, python }: Turret): Promise<readonly TreeEntry[]> {
  if (command === undefined) return [inline(`bin/${STARTER}`, 0o755, launcherText("caisson_turret:main")), inline("site/caisson_turret.py", 0o644, await readFile(ownPath("agent/turret/start.py"), "utf8"))];
  return [inline(`${python ? "" : "root/"}bin/${STARTER}`, 0o755, await readFile(ownPath("agent/turret/start.sh"), "utf8"))];
}

function inline(path: string, mode: 0o644 | 0o755, text: string): TreeEntry {
  return { kind: "file", path, mode, digest: sha256(text), size: Buffer.byteLength(text), source: { from: "inline", text } };
}
