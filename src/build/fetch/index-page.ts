import { fail } from "../../model/index.ts";
import { readWholeText } from "../../system/index.ts";
import type { Get } from "./http.ts";
import { withoutCredentials } from "../source/git.ts";
import type { PackageIndex } from "./index-settings.ts";

/** A file that an index offers. */
export interface IndexFile {
  readonly fileName: string;
  readonly url: string;
  /** Lower-case hex, where the index says it. */
  readonly sha256?: string;
}

/**
 * The files of a project in an index, as JSON where it has that, else as HTML; undefined where the index does not know the project.
 * @throws CaissonError `index-unreachable`
 * Source: PEP 503, PEP 691
 */
export async function readIndexPage(get: Get, index: string, project: string): Promise<readonly IndexFile[] | undefined> {
  const address = `${index.replace(/\/*$/, "")}/${project}/`;
  const answer = await get(address, "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1");
  const text = await readWholeText(answer.body);
  if (answer.status === 404) return undefined;
  if (answer.status !== 200) return fail({ code: "index-unreachable", message: `the index \`${withoutCredentials(index)}\` answered ${answer.status}`, hint: answer.status === 401 || answer.status === 403 ? "give the user and password in the index's URL, or in ~/.netrc" : `try again later: curl -I ${withoutCredentials(address)}` });
  const base = answer.url === "" ? address : answer.url;
  try {
    return answer.mediaType.endsWith("+json") ? fromJson(text, base) : fromHtml(text, base);
  } catch (error) {
    return fail({ code: "index-unreachable", message: `\`${withoutCredentials(address)}\` answered with something other than the page of a package index`, hint: "does [index] url, or uv's or pip's setting, name a simple index?" }, error);
  }
}

/**
 * Look for projects in all indexes, so that one that does not answer is told as that, and not as one that lacks something.
 * @throws CaissonError `index-unreachable`
 */
export async function checkIndexes(get: Get, { url, extra, disabled }: Pick<PackageIndex, "url" | "extra" | "disabled">, projects: readonly string[]): Promise<void> {
  if (!disabled) await Promise.all([...extra, url].flatMap((index) => projects.map((project) => readIndexPage(get, index, project))));
}

function fromJson(text: string, base: string): readonly IndexFile[] {
  const { files = [] } = JSON.parse(text) as { readonly files?: readonly { readonly filename: string; readonly url: string; readonly hashes?: { readonly sha256?: string } }[] };
  return files.map(({ filename, url, hashes }) => withHash({ fileName: filename, url: new URL(url, base).href }, hashes?.sha256));
}

function fromHtml(text: string, base: string): readonly IndexFile[] {
  const start = new URL(/<base[^>]*\shref=["']([^"']+)["']/i.exec(text)?.[1] ?? "", base);
  return [...text.matchAll(/<a\s[^>]*?href=["']([^"']+)["'][^>]*>/gi)].map(([, href = ""]) => {
    const url = new URL(href.replaceAll("&amp;", "&").replaceAll("&#43;", "+"), start);
    return withHash({ fileName: decodeURIComponent(url.pathname.split("/").at(-1) ?? ""), url: url.href }, /^#sha256=(\w+)/.exec(url.hash)?.[1]);
  });
}

function withHash(file: IndexFile, sha256: string | undefined): IndexFile {
  return sha256 === undefined ? file : { ...file, sha256: sha256.toLowerCase() };
}
