import { linkSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { normalizeName, type Digest, type Distribution, type Link, type Tree, type TreeEntry } from "../../src/model/index.ts";
import { planFiles, planLinks, platformFromFacts } from "../../src/python/index.ts";
import { sha256, treeId } from "../../src/system/index.ts";

const platform = platformFromFacts({ os: { id: "debian", release: "12" }, arch: "x86_64", libc: { family: "glibc", version: "2.36" }, python: "3.11.7" }, "ran");
const SITE = "lib/python3.11/site-packages";
const OWN = ["bin", "lib", "lib/python3.11", SITE];

function treeOf(files: Readonly<Record<string, string>>): Tree {
  const entries = Object.keys(files)
    .toSorted()
    .map((path): TreeEntry => ({ kind: "file", path, mode: path.startsWith("bin/") ? 0o755 : 0o644, digest: sha256(files[path] ?? ""), size: (files[path] ?? "").length, source: { from: "inline", text: files[path] ?? "" } }));
  return { schema: "caisson.tree/1", id: treeId(entries), entries };
}

/** A distribution `name` 1.0 whose tree holds these files; `site/<name>-1.0.dist-info/METADATA` is added. */
function distribution(name: string, files: Readonly<Record<string, string>>, more: Partial<Distribution> = {}): Distribution {
  const wheel = { digest: sha256(name), size: 1, mediaType: "application/zip" };
  const tree = treeOf({ [`site/${name}-1.0.dist-info/METADATA`]: `Name: ${name}\n`, ...files });
  return { name: normalizeName(name), version: "1.0", wheel, fileName: `${name}-1.0-py3-none-any.whl`, tree, requires: [], warnings: [], ...more };
}

const linkAt = (links: readonly Link[], path: string): string | undefined => links.filter((link) => link.path === path).map((link) => ("to" in link ? `${link.how} ${link.to}` : link.how))[0];

/** Do on a disk what a host does with links, and tell what can be read below `part`: path and content. */
function materialise(trees: readonly Tree[], links: readonly Link[]): ReadonlyMap<string, string> {
  const root = mkdtempSync(join(tmpdir(), "caisson-links-"));
  try {
    for (const tree of trees) {
      for (const entry of tree.entries) {
        const path = join(root, "trees", tree.id, entry.path);
        mkdirSync(dirname(path), { recursive: true });
        if (entry.kind === "file" && entry.source.from === "inline") writeFileSync(path, entry.source.text);
      }
    }
    const part = join(root, "release", "part");
    mkdirSync(part, { recursive: true });
    for (const link of links) applyLink(root, part, link);
    return readAll(part);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function applyLink(root: string, part: string, link: Link): void {
  const path = join(part, link.path);
  if (link.how === "directory") mkdirSync(path);
  else if (link.how === "render") writeFileSync(path, "rendered");
  else if (link.how === "symlink") symlinkSync(relative(dirname(path), join(root, "trees", link.tree, link.to)), path);
  else linkAll(join(root, "trees", link.tree, link.to), path);
}

function linkAll(from: string, to: string): void {
  if (lstatSync(from).isFile()) {
    linkSync(from, to);
    return;
  }
  mkdirSync(to);
  for (const name of readdirSync(from)) linkAll(join(from, name), join(to, name));
}

function readAll(directory: string, below = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of readdirSync(join(directory, below)).toSorted()) {
    const path = below === "" ? name : `${below}/${name}`;
    if (statSync(join(directory, path)).isFile()) found.set(path, readFileSync(join(directory, path), "utf8"));
    else for (const [inner, content] of readAll(directory, path)) found.set(inner, content);
  }
  return found;
}

const destination = (path: string): string => path.replace(/^site\//, `${SITE}/`).replace(/^data\//, "");

/** Every file of every tree copied into one directory, and whether two of them were in each other's way. */
function copyPlainly(distributions: readonly Distribution[]): { readonly files: ReadonlyMap<string, string>; readonly clash: boolean } {
  const files = new Map<string, string>([["pyvenv.cfg", "rendered"]]);
  let clash = false;
  for (const { tree } of distributions) {
    for (const entry of tree.entries) {
      if (entry.kind !== "file" || entry.source.from !== "inline") continue;
      const path = destination(entry.path);
      clash ||= files.has(path) && files.get(path) !== entry.source.text;
      files.set(path, entry.source.text);
    }
  }
  const paths = [...files.keys()];
  clash ||= paths.some((path) => paths.some((other) => other.startsWith(`${path}/`)));
  return { files, clash };
}

const segment = fc.constantFrom("a", "a-b", "a.py", "b", "c", "é", "__init__.py");
const path = fc.tuple(fc.constantFrom("site", "site", "site", "data", "data/share", "bin", "include", `data/${SITE}`, "data/lib", "data/bin"), fc.array(segment, { minLength: 1, maxLength: 3 })).map(([area, parts]) => [area, ...parts].join("/"));
const content = fc.constantFrom("", "one", "one", "one", "two");
const files = fc
  .array(fc.tuple(path, content), { maxLength: 6 })
  // A tree holds no path below a file of its own.
  .map((pairs) => Object.fromEntries(pairs.filter(([mine], at) => !pairs.some(([other], index) => index !== at && (destination(mine).startsWith(`${destination(other)}/`) || (index < at && destination(mine) === destination(other)))))));
const sets = fc.array(files, { minLength: 1, maxLength: 4 }).map((trees) => trees.map((tree, at) => distribution(`w${at}`, tree, at === 3 ? { elf: { musl: false, machines: [], needed: [], escapes: true } } : {})));

test("linked wheels read exactly like wheels copied into one directory, or are refused together", () => {
  let clean = 0;
  fc.assert(
    fc.property(sets, fc.constantFrom("auto" as const, "copy" as const), (distributions, mode) => {
      const plain = copyPlainly(distributions);
      const { links, problems } = planLinks(distributions, platform, mode);
      expect(problems.length > 0).toBe(plain.clash);
      if (plain.clash) return;
      clean++;
      expect(materialise(distributions.map(({ tree }) => tree), links)).toEqual(new Map([...plain.files].toSorted(([a], [b]) => (a < b ? -1 : 1))));
    }),
    { numRuns: 400, seed: 22 },
  );
  expect(clean).toBeGreaterThan(100);
});
