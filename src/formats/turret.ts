import { compareBytewise, fail, type BlobReader, type Bytes, type EpochSeconds, type Link, type Payload, type Tree, type TreeEntry } from "../model/index.ts";
import { readWholeText } from "../system/index.ts";
import { writeGzip } from "./archive/gzip.ts";
import type { NewMember } from "./archive/member.ts";
import { writeTar } from "./archive/tar.ts";

/** The containers that a turret's archive comes in. */
export type TurretContainer = "tar" | "tar.gz";

/** @throws CaissonError `format-unknown` */
export function parseTurretContainer(text: string): TurretContainer {
  return text === "tar" || text === "tar.gz" ? text : fail({ code: "format-unknown", message: `unknown format \`${text}\``, hint: "a turret's archive is a tar or a tar.gz" });
}

/** The number of what a turret's archive holds; it stands in its config.json under `caisson`, and a reader refuses higher ones. */
export const turretFormatNumber = 1;

/** The directory of a part, and of its tree, that the files of a turret lie in. */
export const turretFolder = "turret";

/** A turret's archive: members as they are, without a folder around them, so that pip finds setup.py. */
export function writeTurret(members: AsyncIterable<NewMember>, container: TurretContainer, time: EpochSeconds): Bytes {
  const tar = writeTar(members, time);
  return container === "tar" ? tar : writeGzip(tar);
}

/** The order of an archive's members, row O1: config.json, setup.py, the script, then the rest by name. */
export function compareMembers(script: string | undefined): (a: string, b: string) => number {
  const first = ["config.json", "setup.py", ...(script === undefined ? [] : [script])];
  const rank = (path: string): number => (first.includes(path) ? first.indexOf(path) : first.length);
  return (a, b) => rank(a) - rank(b) || compareBytewise(a, b);
}

/**
 * The archive of a turret, from its payload.
 * @throws CaissonError `format-unknown` where the payload is no turret · `blob-missing` · `digest-mismatch`
 */
export async function* packTurret(payload: Payload, read: BlobReader): Bytes {
  yield* writeTurret(membersOf(payload, read), "tar", payload.revision.time);
}

async function* membersOf(payload: Payload, read: BlobReader): AsyncIterable<NewMember> {
  const prefix = `root/${turretFolder}/`;
  const entries = (await readOwnTree(payload, read)).entries.filter(({ path }) => path.startsWith(prefix));
  const config = entries.find(({ path }) => path === `${prefix}config.json`);
  const { script } = JSON.parse(config === undefined ? "{}" : await readWholeText(open(config, read)())) as { readonly script?: string };
  const compare = compareMembers(script);
  for (const entry of entries.map((each) => memberOf(each, prefix, read)).toSorted((a, b) => compare(a.path, b.path))) yield entry;
}

/** The tree that the part's turret folder leads to. */
async function readOwnTree(payload: Payload, read: BlobReader): Promise<Tree> {
  const link = payload.kind === "turret" ? payload.links.find(leadsToTurret) : undefined;
  const tree = payload.trees.find(({ id }) => id === link?.tree) ?? fail({ code: "format-unknown", message: `\`${payload.written}\` is no turret`, hint: "the format `turret` is for packages of kind \"turret\"" });
  return JSON.parse(await readWholeText(read.read(tree.document.digest))) as Tree;
}

function leadsToTurret(link: Link): link is Extract<Link, { readonly how: "symlink" | "hardlink" | "copy" }> {
  return "tree" in link && `${link.to}/`.startsWith(`root/${turretFolder}/`);
}

function memberOf(entry: TreeEntry, prefix: string, read: BlobReader): NewMember {
  const path = entry.path.slice(prefix.length);
  if (entry.kind === "directory") return { path: `${path}/`, kind: "directory", mode: 0o755, size: 0, open: open(entry, read) };
  if (entry.kind === "link") return fail({ code: "digest-mismatch", message: `the turret has a link, \`${path}\`` });
  return { path, kind: "file", mode: entry.mode, size: entry.size, open: open(entry, read) };
}

function open(entry: TreeEntry, read: BlobReader): () => Bytes {
  if (entry.kind !== "file") return nothing;
  const { source } = entry;
  return source.from === "inline" ? async function* inline() { yield Buffer.from(source.text); } : () => read.read(source.blob);
}

async function* nothing(): Bytes {
  // A directory holds nothing itself.
}
