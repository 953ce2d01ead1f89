import { parseDigest, shapes, type Digest, type Mismatch, type PackageName, type Payload, type Shape, type Tree, type TreeEntry } from "../model/index.ts";

const { boolean, integer, list, object, oneOf, optional, record, text } = shapes;

/** A payload's document from outside, or what is wrong with it. Whether its parts fit together is another question. */
export function readPayload(value: unknown, report: (mismatch: Mismatch) => void): Payload | undefined {
  return payloadShape.read(value, [], report) as Payload | undefined;
}

/** A tree's document from outside, or what is wrong with it. */
export function readTree(value: unknown, report: (mismatch: Mismatch) => void): Tree | undefined {
  return treeShape.read(value, [], report);
}

const digest: Shape<Digest> = text("a SHA-256 digest", (word) => parseDigest(word) !== undefined);
const packageName: Shape<PackageName> = text("a package name in normal form", (word) => /^[a-z0-9]+(-[a-z0-9]+)*$/.test(word));
/** One part of a path: what becomes a file name must not become another directory. */
const fileName = text("a file name", (word) => /^[A-Za-z0-9_][A-Za-z0-9._+!~-]{0,254}$/.test(word));
/** Relative, plain, and not upwards. */
const path = text("a plain relative path", (word) => isPlain(word));
const descriptor = object({ digest, size: integer(), mediaType: text() });

function isPlain(word: string): boolean {
  return !word.includes("\0") && word.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

/** These become words of shell scripts, names of files and lines of units. */
const variable = (word: string): boolean => /^[A-Za-z_][A-Za-z0-9_]*$/.test(word);
const argument = text("a text without NUL", (value) => !value.includes("\0"));
const line = text("one line", (value) => !/[\0\r\n]/.test(value));

const process = object({
  name: text("a process's name", (value) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(value)),
  argv: list(argument), environment: record(argument, "a table of variables", variable), requires: list(text("a variable's name", variable)),
  listen: optional(line), socket: optional(boolean()), notify: optional(boolean()), schedule: optional(line),
});

const health = object({ url: optional(text()), argv: optional(list(text())) });

const platform = object({
  label: fileName,
  os: object({ id: text(), release: text() }),
  arch: oneOf("x86_64", "aarch64"),
  libc: object({ family: oneOf("glibc", "musl"), version: text() }),
  python: object({ implementation: oneOf("cpython"), version: text("a minor version", (word) => /^\d+\.\d+$/.test(word)), full: optional(text()) }),
  evidence: oneOf("ran", "proven", "declared"),
});

/** Shapes that one key tells apart: `how` of a link, `kind` of an entry. */
function told<Value>(key: string, variants: Readonly<Record<string, Shape<unknown>>>): Shape<Value> {
  const tag = oneOf(...Object.keys(variants));
  return {
    kind: "table", expected: `a table whose \`${key}\` is ${tag.expected}`,
    read: (value, at, report) => {
      const word = tag.read((value as Readonly<Record<string, unknown>> | null | undefined)?.[key], [...at, key], report);
      return word === undefined ? undefined : (variants[word]?.read(value, at, report) as Value | undefined);
    },
  };
}

const linked = { path, tree: digest, to: path };

const link = told("how", {
  directory: object({ how: oneOf("directory"), path }),
  symlink: object({ how: oneOf("symlink"), ...linked }),
  hardlink: object({ how: oneOf("hardlink"), ...linked }),
  copy: object({ how: oneOf("copy"), ...linked }),
  render: object({ how: oneOf("render"), path, template: oneOf("pyvenv.cfg"), mode: mode(0o644) }),
});

const interpreter = told("from", {
  host: object({ from: oneOf("host"), version: text(), soabi: optional(text()) }),
  tree: object({ from: oneOf("tree"), tree: digest, executable: path }),
});

const payloadShape = object({
  schema: oneOf("caisson.payload/1"),
  package: packageName,
  written: fileName,
  kind: oneOf("python", "files", "turret"),
  version: fileName,
  platform,
  revision: object({ id: text(), time: integer(), dirty: boolean(), ref: optional(text()), url: optional(text()) }),
  trees: list(object({ id: digest, document: descriptor })),
  links: list(link),
  interpreter: optional(interpreter),
  distributions: list(object({ name: packageName, version: text(), tree: digest, fileName, wheel: descriptor })),
  exceptions: optional(list(object({ wheel: digest, fileName, rule: line, reason: line }))),
  blobs: list(descriptor),
  processes: list(process),
  start: list(object({ when: optional(record(text())), process: text() })),
  hooks: list(object({ at: oneOf("stage", "before-activate", "after-activate", "remove"), argv: list(argument), once: oneOf("host", "stack"), reversible: boolean(), timeout: integer() })),
  health: optional(health),
  additions: optional(object({ lines: optional(descriptor), files: optional(object({ tree: object({ id: digest, document: descriptor }), blobs: list(descriptor) })) })),
});

const treePath = text("a path below site, bin, data, include or root", (word) => /^(site|bin|data|include|root)\//.test(word) && isPlain(word));

const entry = told<TreeEntry>("kind", {
  file: object({
    kind: oneOf("file"), path: treePath, mode: mode(0o644, 0o755), digest, size: integer(),
    source: told("from", {
      blob: object({ from: oneOf("blob"), blob: digest }),
      member: object({ from: oneOf("member"), blob: digest, member: text() }),
      inline: object({ from: oneOf("inline"), text: text() }),
    }),
  }),
  link: object({ kind: oneOf("link"), path: treePath, target: text() }),
  directory: object({ kind: oneOf("directory"), path: treePath }),
});

const treeShape = object({ schema: oneOf("caisson.tree/1"), id: digest, entries: list(entry) });

function mode(...modes: readonly number[]): Shape<number> {
  return integer(`one of the modes ${modes.map((each) => `0${each.toString(8)}`).join(", ")}`, (value) => modes.includes(value));
}
