import { chmodSync, linkSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Distribution, Link, Platform } from "../../src/model/index.ts";
import { planLinks, readMember, readZip, type ByteSource } from "../../src/python/index.ts";

/** A wheel, read, and where its bytes are. */
export interface ReadWheel {
  readonly distribution: Distribution;
  readonly source: ByteSource;
}

/** Do in a directory what a host does: each wheel's tree below `trees/`, and the environment of them all, made of links, in `part/`, whose path is returned. `python` becomes its interpreter. */
export async function layEnvironment(directory: string, wheels: readonly ReadWheel[], platform: Platform, python: string): Promise<string> {
  for (const wheel of wheels) await layTree(join(directory, "trees"), wheel);
  const { links, problems } = planLinks(wheels.map(({ distribution }) => distribution), platform, "auto");
  if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join("\n"));
  const part = join(directory, "part");
  mkdirSync(part);
  for (const link of links) layLink(directory, part, link, python);
  symlinkSync(python, join(part, "bin/python"));
  return part;
}

async function layTree(trees: string, { distribution, source }: ReadWheel): Promise<void> {
  const zip = await readZip(source);
  for (const entry of distribution.tree.entries) {
    if (entry.kind !== "file") throw new Error(`a wheel's tree has no ${entry.kind}`);
    const path = join(trees, distribution.tree.id, entry.path);
    const from = entry.source;
    const member = from.from === "member" ? zip.members.find(({ name }) => name === from.member) : undefined;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, from.from === "inline" ? from.text : member === undefined ? "" : await readMember(zip, member));
    chmodSync(path, entry.mode);
  }
}

function layLink(directory: string, part: string, link: Link, python: string): void {
  const path = join(part, link.path);
  if (link.how === "directory") mkdirSync(path);
  else if (link.how === "render") writeFileSync(path, `home = ${dirname(python)}\ninclude-system-site-packages = false\n`);
  else if (link.how === "symlink") symlinkSync(relative(dirname(path), join(directory, "trees", link.tree, link.to)), path);
  else layHardLinks(join(directory, "trees", link.tree, link.to), path);
}

function layHardLinks(from: string, to: string): void {
  if (lstatSync(from).isFile()) {
    linkSync(from, to);
    return;
  }
  mkdirSync(to);
  for (const name of readdirSync(from)) layHardLinks(join(from, name), join(to, name));
}
