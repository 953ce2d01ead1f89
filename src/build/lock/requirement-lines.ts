import { posix } from "node:path";
import { fail, type Package } from "../../model/index.ts";
import type { Source } from "../source/source.ts";

/** A line of a requirements.txt without comments; one that ends with a backslash goes on in the next. */
export interface RequirementLine {
  readonly text: string;
  /** From its package's directory. */
  readonly file: string;
  /** Of its first part, from 1. */
  readonly line: number;
  /** It asks for nothing, and says which versions of what others ask for are meant. */
  readonly constraint?: true;
}

/** The lines of one file that say something. */
function logicalLines(file: string, text: string): readonly RequirementLine[] {
  const lines: RequirementLine[] = [];
  let open: RequirementLine | undefined;
  for (const [at, part] of text.split(/\r?\n/).entries()) {
    const whole = part.replace(/(^|\s)#.*$/, "");
    const line: RequirementLine = { text: `${open?.text ?? ""} ${whole.replace(/\\$/, "")}`.trim(), file, line: open?.line ?? at + 1 };
    open = whole.endsWith("\\") ? line : undefined;
    if (open === undefined && line.text !== "") lines.push(line);
  }
  return lines;
}

/** Where a requirements.txt says that distributions come from. */
export interface IndexOptions {
  readonly url?: string;
  readonly extra: readonly string[];
  readonly findLinks: readonly string[];
  /** No index at all. */
  readonly none: boolean;
}

/** What a requirements.txt and the files that it includes say. */
export interface RequirementFile {
  /** Requirements and constraints, with their hashes. */
  readonly lines: readonly RequirementLine[];
  /** Absent where it is silent. */
  readonly index?: IndexOptions;
}

/**
 * The requirements of a file, with those of the files that it includes, the constraints, and the indexes.
 * `place` makes of a file's name what a user would type.
 * @throws CaissonError `config-invalid` for another option, or a file that is not there
 * Source: pip's documentation, "Requirements File Format"
 */
export async function readRequirementFile(pkg: Package, source: Source, place: (file: string) => string, file: string, content: string): Promise<RequirementFile> {
  const read = await readLines(pkg, source, place, file, content, []);
  const options = read.flatMap(({ option }) => (option === undefined ? [] : [option]));
  const valuesOf = (name: string): readonly string[] => options.flatMap(([known, value]) => (known === name ? [value] : []));
  const url = valuesOf("url").at(-1);
  const lines = read.filter(({ option }) => option === undefined);
  return options.length === 0 ? { lines } : { lines, index: { ...(url === undefined ? {} : { url }), extra: valuesOf("extra"), findLinks: valuesOf("links"), none: valuesOf("none").length > 0 } };
}

/** A line that says something else than what is asked for. */
interface ReadLine extends RequirementLine {
  readonly option?: readonly [name: string, value: string];
}

async function readLines(pkg: Package, source: Source, place: (file: string) => string, file: string, content: string, above: readonly string[]): Promise<readonly ReadLine[]> {
  if (/[\0\uFFFD]/.test(content)) fail({ code: "config-invalid", file: place(file), message: `\`${file}\` of \`${pkg.written}\` is not written in UTF-8`, hint: "save it as UTF-8; PowerShell: Set-Content -Encoding utf8" });
  const read = logicalLines(file, content.replace(/^\uFEFF/, "")).map(async (written): Promise<readonly ReadLine[]> => {
    const { text } = written;
    const problem = { code: "config-invalid", file: place(file), line: written.line } as const;
    const [, word = "", included] = /^(-r|--requirement|-c|--constraint)(?:\s+|=\s*|(?<=^-[rc]))(\S+)$/.exec(text) ?? [];
    const [option, rest = ""] = /^(-[a-z]|--[^\s=]+)\s*=?\s*(.*)$/.exec(text)?.slice(1) ?? [];
    if (option === "--require-hashes" || option === "--prefer-binary") return [];
    if (option === undefined) return [written];
    const known = INDEX_OPTIONS[option];
    if (known === "links" && !/^(?:\/|[a-z][a-z0-9+.-]*:\/\/)/i.test(rest)) fail({ ...problem, message: `\`${pkg.written}\` has \`${text}\` among its requirements, and only the workspace may name a directory of its own`, hint: `find-links = ["${rest}"] under [index] in caisson.toml` });
    if (known !== undefined) return [{ ...written, option: [known, rest] }];
    if (included === undefined) return fail({ ...problem, message: `\`${pkg.written}\` has the option \`${option}\` among its requirements, which is not read here`, hint: option === "--pre" ? "a requirement that names a pre-release admits it: NAME>=2.0b1" : "write the requirements themselves: NAME, NAME>=1.0 or NAME @ URL" });
    const next = posix.join(posix.dirname(file), included);
    if ([...above, file].includes(next)) fail({ ...problem, message: `\`${next}\` of \`${pkg.written}\` includes itself`, hint: "take that line away" });
    const nextContent = next.startsWith("..") ? undefined : await source.readText(next);
    if (nextContent === undefined) return fail({ ...problem, message: `\`${file}\` of \`${pkg.written}\` includes \`${next}\`, which is not there`, hint: "paths are relative to the file that they stand in, and stay in the package's directory" });
    const lines = await readLines(pkg, source, place, next, nextContent, [...above, file]);
    return /c/.test(word.slice(0, 3)) ? lines.map((line) => ({ ...line, constraint: true })) : lines;
  });
  return (await Promise.all(read)).flat();
}

const INDEX_OPTIONS: Readonly<Record<string, string>> = { "-i": "url", "--index-url": "url", "--pypi-url": "url", "--extra-index-url": "extra", "-f": "links", "--find-links": "links", "--no-index": "none" };
