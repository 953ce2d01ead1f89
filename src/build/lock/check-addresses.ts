import { stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { CaissonError, type Problem } from "../../model/index.ts";
import { parseRequirement } from "../../python/index.ts";
import { mapConcurrently, type Context } from "../../system/index.ts";
import { indexClient } from "../fetch/http.ts";
import type { PackageIndex } from "../fetch/index-settings.ts";
import { runGit, withoutCredentials } from "../source/git.ts";
import type { ForeignNeed } from "./requirements.ts";

/**
 * After uv found no solution: whether it could have a look at all at what is asked for by address (`name @ URL`).
 * @throws CaissonError `index-unreachable` with all addresses where nothing is; `words` are uv's own
 */
export async function checkAddresses(ctx: Context, needs: readonly ForeignNeed[], index: PackageIndex, words: string): Promise<void> {
  const addressed = needs.flatMap(({ text, by }) => {
    const { url } = parseRequirement(text);
    return url === undefined ? [] : [{ url, text, by }];
  });
  const found = await mapConcurrently(addressed, 4, async ({ url, text, by }): Promise<readonly Problem[]> => {
    const missing = await whyMissing(ctx, index, url);
    return missing === undefined ? [] : [{ code: "index-unreachable", message: `\`${by}\` asks for \`${withoutCredentials(text)}\`, and ${missing.what}`, hint: missing.hint }];
  });
  const [first, ...rest] = found.flat();
  if (first !== undefined) throw new CaissonError([first, ...rest], new Error(words));
}

interface Missing {
  readonly what: string;
  readonly hint: string;
}

async function whyMissing(ctx: Context, index: PackageIndex, url: string): Promise<Missing | undefined> {
  const git = /^git\+(?<address>[^#]*?)(?:@[^@/#]*)?(?:#.*)?$/.exec(url)?.groups?.["address"];
  if (git !== undefined) {
    const { status } = await runGit(ctx, "/", ["ls-remote", "--exit-code", "--end-of-options", git, "HEAD"]);
    return status === 0 ? undefined : { what: "git finds no repository there", hint: `git ls-remote ${withoutCredentials(git)}` };
  }
  if (url.startsWith("file:")) {
    const there = URL.canParse(url) && (await stat(fileURLToPath(url.replace(/#.*$/, ""))).catch(() => undefined)) !== undefined;
    return there ? undefined : { what: "there is no such file", hint: "is it on another machine? Put it into a directory that --find-links names" };
  }
  if (!/^https?:/.test(url)) return undefined;
  const answer = await indexClient(ctx, index)(url).catch((error: unknown) => {
    if (error instanceof CaissonError && error.code === "index-unreachable") return undefined;
    throw error;
  });
  if (answer?.status === 200) {
    await answer.body[Symbol.asyncIterator]().return?.();
    return undefined;
  }
  return { what: answer === undefined ? "nobody answers there" : `its server answers ${answer.status}`, hint: `curl -I ${withoutCredentials(url)}` };
}
