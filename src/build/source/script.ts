import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { directoryHere, fail, type Package } from "../../model/index.ts";
import { hashJson } from "../../system/index.ts";
import { METADATA_FILES, type Source } from "./source.ts";

/**
 * The source of a package that is a single file: nothing of what lies beside it counts, but its locks and its version.
 * @throws CaissonError `package-unknown` where the file is not there at that revision
 */
export async function scriptSource(workspaceDirectory: string, pkg: Package, around: Source): Promise<Source> {
  const { written, script = "" } = pkg;
  const here = directoryHere(pkg);
  const [text, version, attributes] = await Promise.all([script, "VERSION", ".gitattributes"].map((name) => around.readText(name)));
  if (text === undefined) return fail({ code: "package-unknown", message: `there is no file \`${script}\` of \`${written}\` at this revision`, hint: "check the package's `script` in caisson.toml, and whether the file is committed" });
  const onDisk = around.uncommitted && here !== undefined ? await readFile(join(resolve(workspaceDirectory, here), script), "utf8").catch(() => undefined) : text;
  return {
    ...around,
    treeKey: hashJson({ script: text, ...(version === undefined ? {} : { version }), ...(attributes === undefined ? {} : { attributes }) }).slice("sha256:".length),
    uncommitted: onDisk !== text,
    // A project that the script happens to lie in is not what it is.
    readText: async (name) => (name === "VERSION" || !METADATA_FILES.includes(name) ? await around.readText(name) : undefined),
  };
}
