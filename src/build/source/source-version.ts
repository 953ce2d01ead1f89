import { fail, type Package, type Revision } from "../../model/index.ts";
import { normalizeVersion } from "../../python/index.ts";
import type { Source } from "./source.ts";

/**
 * The version of a package that no wheel tells one for: the first line of the `VERSION` file in its directory, else from git.
 * @throws CaissonError `config-invalid` for a VERSION file that holds none
 */
export async function readSourceVersion(pkg: Package, source: Pick<Source, "revision" | "describe" | "readText">): Promise<{ readonly version: string; readonly dependsOnCommit: boolean }> {
  const text = await source.readText("VERSION");
  if (text === undefined) return { version: versionFromGit(pkg, source.revision, await source.describe()), dependsOnCommit: true };
  const version = text.split("\n")[0]?.trim() ?? "";
  // A version becomes part of file names and references.
  if (!/^[A-Za-z0-9][A-Za-z0-9._+!~-]{0,127}$/.test(version)) fail({ code: "config-invalid", file: "VERSION", line: 1, message: `the first line of \`VERSION\` of \`${pkg.written}\` is no version: \`${version}\``, hint: "write one there, like 1.0.0" });
  return { version, dependsOnCommit: false };
}

/**
 * A version that sorts: the tag itself on a tag, else after it and before the next, `1.2.1.dev45+g1a2b3c4d`.
 * `describe` is what `git describe --tags --long` prints (`v1.2.0-45-g1a2b3c4`), or the number of commits where there is no tag; undefined for files that are no commit's.
 * Of a tag with a name before the version (`shop-web-1.2.0`) only this package's own counts.
 */
export function versionFromGit(pkg: Package, revision: Revision, describe: string | undefined): string {
  const commit = revision.id.slice(0, 8);
  if (describe === undefined) return `0.0.0.dev0+${commit}`;
  const [, tag = "", count = "0"] = /^(?:(.+)-)?(\d+)(?:-g[0-9a-f]+)?$/.exec(describe) ?? [];
  const version = TAG.exec(tag);
  const prefix = version?.[1]?.replace(/[-_/@]$/, "") ?? "";
  if (version === null || !["", pkg.name, pkg.written].includes(prefix)) return `0.0.0.dev${count}+g${commit}`;
  const [, , release = "", rest = ""] = version;
  if (count === "0") return normalizeVersion(`${release}${rest}`) ?? `${release}${rest}`;
  // After 1.2.0 comes something of 1.2.1; after 1.2.0rc1, something of 1.2.0.
  return `${rest === "" ? raiseLast(release) : release}.dev${count}+g${commit}`;
}

const TAG = /^(.*?[-_/@])?v?(\d+(?:\.\d+)*)([-.]?(?:a|b|rc|alpha|beta)\.?\d*)?$/;

function raiseLast(release: string): string {
  const numbers = release.split(".");
  return [...numbers.slice(0, -1), Number(numbers.at(-1)) + 1].join(".");
}
