import { compareBytewise, type Link, type PackageName, type Process, type Tree } from "../model/index.ts";
import { sha256, treeId } from "../system/index.ts";
import { escapeQuoted, quoteWord } from "./shell-word.ts";

/**
 * The program that starts one process of a package, as POSIX sh: the same bytes on every host, for a service manager, for `caisson up` and for a person.
 * It lies in `<release>/<package>/processes/`, or in `processes/` of what install.sh has made, finds its own real directory once, and becomes the process: `current` may move under it.
 * `$NAME` and `${NAME}` in the process's words come from the environment, and each word stays one word. What must be set and is not ends it with 64.
 */
export function processLauncher(owner: PackageName, process: Process): string {
  const [program = "", ...words] = process.argv.map(printWord);
  return [
    "#!/bin/sh",
    `# Starts the process \`${process.name}\` of \`${owner}\`; made from its process table.`,
    'caisson_part=$(readlink -f -- "$0") || exit 71',
    "caisson_part=${caisson_part%/processes/*}",
    'export PATH="$caisson_part/bin:${PATH:-/usr/local/bin:/usr/bin:/bin}"',
    'export CAISSON_RELEASE="${caisson_part%/*}"',
    '[ -f "$CAISSON_RELEASE/manifest.json" ] || CAISSON_RELEASE=$caisson_part',
    'export CAISSON_STATE="${CAISSON_STATE:-${CAISSON_RELEASE%/versions/*}/shared}"',
    ...Object.entries(process.environment).map(([name, value]) => `export ${name}=${quoteWord(value)}`),
    ...checkLines(process),
    'cd -- "$CAISSON_RELEASE" || exit 71',
    `caisson_program="$caisson_part/bin/"${program}`,
    `[ -f "$caisson_program" ] || caisson_program=${program}`,
    ['exec "$caisson_program"', ...words, '"$@"'].join(" "),
    "",
  ].join("\n");
}

/** The launchers of a package's processes as a tree of their own; undefined where it has none. */
export function launcherTree(owner: PackageName, processes: readonly Process[]): Tree | undefined {
  if (processes.length === 0) return undefined;
  const entries = processes.map((process) => {
    const text = processLauncher(owner, process);
    return { kind: "file", path: `root/${FOLDER}/${process.name}`, mode: 0o755, digest: sha256(text), size: Buffer.byteLength(text), source: { from: "inline", text } } as const;
  });
  const sorted = entries.toSorted((a, b) => compareBytewise(a.path, b.path));
  return { schema: "caisson.tree/1", id: treeId(sorted), entries: sorted };
}

/** Where the launchers lie in a part: really there, since each goes by its own real path. */
export function launcherLinks(tree: Tree): readonly Link[] {
  return [{ how: "directory", path: FOLDER }, ...tree.entries.map(({ path }): Link => ({ how: "hardlink", path: path.slice("root/".length), tree: tree.id, to: path }))];
}

/** The directory of a part that is theirs. */
const FOLDER = "processes";

const VARIABLE = /\$(?:\{(?<braced>[A-Za-z_][A-Za-z0-9_]*)\}|(?<bare>[A-Za-z_][A-Za-z0-9_]*))/g;

function checkLines({ name, argv, environment, requires }: Process): readonly string[] {
  const used = [...new Set(argv.flatMap((word) => [...word.matchAll(VARIABLE)].map(({ groups }) => groups?.["braced"] ?? groups?.["bare"] ?? "")))];
  const others = used.filter((variable) => !requires.includes(variable) && !Object.hasOwn(environment, variable));
  const needed = requires.map((variable) => `[ -n "\${${variable}-}" ] || caisson_missing="\${caisson_missing:+$caisson_missing and }${variable}"`);
  return [
    ...(requires.length === 0 ? [] : ["caisson_missing=", ...needed, `[ -z "$caisson_missing" ] || { ${refuse(`set $caisson_missing (process \\\`${name}\\\` needs ${requires.join(" and ")})`)}; }`]),
    ...others.map((variable) => `[ -n "\${${variable}+set}" ] || { ${refuse(`set ${variable} (process \\\`${name}\\\` uses it)`)}; }`),
  ];
}

/** 64: EX_USAGE of sysexits. */
function refuse(message: string): string {
  return `echo "error: ${message}" >&2; exit 64`;
}

/** A word of the process as a word of sh: what was written stays as it is, and variables are put in. */
function printWord(word: string): string {
  const names = [...word.matchAll(VARIABLE)];
  if (names.length === 0) return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : quoteWord(word);
  const ends = [0, ...names.map(({ index, 0: whole }) => index + whole.length)];
  const pieces = names.map(({ index, groups }, at) => `${escapeQuoted(word.slice(ends[at], index))}\${${groups?.["braced"] ?? groups?.["bare"] ?? ""}-}`);
  return `"${pieces.join("")}${escapeQuoted(word.slice(ends.at(-1)))}"`;
}
