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
export function logicalLines(file: string, text: string): readonly RequirementLine[] {
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

/**
 * The requirements of a file, with those of the files that it includes, and the constraints. Hashes are the lock's business; an index is the workspace's.
 * `place` makes of a file's name what a user would type.
 * @throws CaissonError `config-invalid` for an option, or a file that is not there
 */
export async function readRequirementLines(pkg: Package, source: Source, place: (file: string) => string, file: string, content: string, above: readonly string[] = []): Promise<readonly RequirementLine[]> {
  const read = logicalLines(file, content).map(async (written): Promise<readonly RequirementLine[]> => {
    const text = written.text.replaceAll(/\s--hash[= ]\S+/g, "").trim();
    const problem = { code: "config-invalid", file: place(file), line: written.line } as const;
    const [, word = "", included] = /^(-r|--requirement|-c|--constraint)(?:\s+|=\s*|(?<=^-[rc]))(\S+)$/.exec(text) ?? [];
    const option = /^-[^\s=]+/.exec(text)?.[0];
    if (option === "--require-hashes") return [];
    if (option === undefined) return [{ ...written, text }];
    if (included === undefined) return fail({ ...problem, message: `\`${pkg.written}\` has the option \`${option}\` among its requirements, which is not read here`, hint: "write the requirements themselves; the index belongs in caisson.toml, under [index]" });
    const next = posix.join(posix.dirname(file), included);
    if ([...above, file].includes(next)) fail({ ...problem, message: `\`${next}\` of \`${pkg.written}\` includes itself`, hint: "take that line away" });
    const nextContent = next.startsWith("..") ? undefined : await source.readText(next);
    if (nextContent === undefined) return fail({ ...problem, message: `\`${file}\` of \`${pkg.written}\` includes \`${next}\`, which is not there`, hint: "paths are relative to the file that they stand in, and stay in the package's directory" });
    const lines = await readRequirementLines(pkg, source, place, next, nextContent, [...above, file]);
    return /c/.test(word.slice(0, 3)) ? lines.map((line) => ({ ...line, constraint: true })) : lines;
  });
  return (await Promise.all(read)).flat();
}
