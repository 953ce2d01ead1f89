import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CaissonError, fail, type IndexSettings, type PackageName, type Platform, type Problem } from "../../model/index.ts";
import { parseLock, select, type Lock } from "../../python/index.ts";
import { ownedDirectory, type Context } from "../../system/index.ts";
import { gitSurroundings, withoutCredentials } from "../source/git.ts";
import { askInterpreter, findInterpreter, findOnPath } from "../interpreter.ts";
import { indexClient } from "../fetch/http.ts";
import { readIndexPage } from "../fetch/index-page.ts";
import { uvEnvironment, withLogin, type PackageIndex } from "../fetch/index-settings.ts";
import { printQuestion } from "./question-file.ts";
import type { ForeignNeed } from "./requirements.ts";
import { checkAddresses } from "./check-addresses.ts";
import { keepLog } from "../kept-log.ts";
import { lastWordsOfBuild } from "../last-words.ts";
import { cureFor } from "../wheel/cures.ts";
import { findUv } from "../uv/tools.ts";
import { uvPlatform } from "../uv/uv-platform.ts";

/** What uv is asked to solve. */
export interface Question {
  /** The package that it is for, as messages call it. */
  readonly written: string;
  readonly needs: readonly ForeignNeed[];
  /** Which versions are meant of what anybody asks for. */
  readonly constraints?: readonly string[];
  /** What takes the place of whatever anybody asks for. */
  readonly overrides?: readonly string[];
  /** Names that no index may answer for. */
  readonly members: readonly PackageName[];
  readonly platform: Platform;
  readonly index: PackageIndex;
  /** What the workspace itself says of the index; one that it names can be added to. */
  readonly settings: IndexSettings;
  readonly offline: boolean;
  /** The text of a lock whose versions are kept where they still satisfy. */
  readonly prefer?: string;
  /** Ask the index anew what it has; uv believes what it heard in the last minutes. */
  readonly refresh: boolean;
}

/**
 * Ask uv which distributions satisfy all needs on a platform: the newest that have a wheel there, an sdist only of what has no wheel at all.
 * @throws CaissonError `requirements-broken` · `index-unreachable` · `lock-missing` offline · `tool-missing`
 */
export async function resolve(ctx: Context, question: Question): Promise<Lock> {
  const what = `lock ${question.written} ${question.platform.label}`;
  ctx.report({ type: "started", what });
  try {
    await using scratch = await ownedDirectory("caisson-lock");
    const [uv, python] = await Promise.all([findUv(ctx, question.settings, { offline: question.offline }), findPython(ctx, question.platform)]);
    const compile = await prepare(ctx, question, [uv.path, "pip", "compile", "--python", python], scratch.path);
    const wheelsOnly = await compile([":all:"], question.refresh);
    if (wheelsOnly.status === 0) return readAnswer(wheelsOnly, question);
    // 1 says that there is no solution, anything else that uv could not look for one.
    const withSdists = wheelsOnly.status === 1 ? await compile([], true) : wheelsOnly;
    if (withSdists.status !== 0) return await explain(ctx, question, withSdists);
    return await preferWheels(question, compile, readAnswer(withSdists, question));
  } finally {
    ctx.report({ type: "finished", what });
  }
}

/**
 * An interpreter for uv: one of the platform's minor where there is one, since an sdist may have to tell what it needs; else any. Left alone, uv asks every python there is, each time.
 * @throws CaissonError `tool-missing`
 */
async function findPython(ctx: Context, { python }: Platform): Promise<string> {
  const [any] = await findOnPath(ctx, "python3");
  const facts = (await findInterpreter(ctx, python.version)) ?? (any === undefined ? undefined : await askInterpreter(ctx, any));
  return facts?.executable ?? fail({ code: "tool-missing", message: "there is no python3 on PATH, and uv needs one", hint: "install Python 3" });
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly stderr: string;
}

/** Asks uv with the packages that must come as wheels. */
type Compile = (onlyBinary: readonly string[], refresh?: boolean) => Promise<Answer>;

async function prepare(ctx: Context, { needs, constraints = [], overrides = [], members, platform, index, settings, offline, prefer }: Question, uv: readonly string[], scratch: string): Promise<Compile> {
  // An index that the workspace names is said to have all.
  const question = printQuestion(settings.url === undefined ? needs : needs.map(({ text, name, specifier, by }) => ({ text, name, specifier, by })), (own) => withLogin(ctx, own.name, own.url));
  const [requirements, constraining, overriding, excludes, home] = [question.name, "constraints.txt", "overrides.txt", "excludes.txt", "home"].map((name) => join(scratch, name)) as [string, string, string, string, string];
  const output = join(scratch, "pylock.toml");
  await Promise.all([writeFile(requirements, question.text), writeFile(constraining, linesOf(constraints)), writeFile(overriding, linesOf(overrides)), writeFile(excludes, linesOf(members)), mkdir(home)]);
  const where = ["--python-platform", uvPlatform(platform), "--python-version", platform.python.full ?? platform.python.version, "--no-python-downloads"];
  const argv = [...uv, requirements, ...(constraints.length === 0 ? [] : ["--constraints", constraining]), ...(overrides.length === 0 ? [] : ["--overrides", overriding]), "--excludes", excludes, ...where, ...(offline ? ["--offline"] : []), "--format", "pylock.toml", "--output-file", output, "--no-header", "--no-annotate", "--quiet", "--color", "never"];
  const env = { ...uvEnvironment(ctx, index), ...gitSurroundings(ctx), PATH: ctx.env["PATH"] ?? "/usr/bin:/bin", HOME: home, LC_ALL: "C.UTF-8" };
  return async (onlyBinary, refresh = false) => {
    // What uv finds in its way are the versions that it keeps.
    await (prefer === undefined ? rm(output, { force: true }) : writeFile(output, prefer));
    const { status, stderr } = await ctx.run([...argv, ...(refresh && !offline ? ["--refresh"] : []), ...onlyBinary.flatMap((name) => ["--only-binary", name])], { cwd: scratch, env });
    return { status, text: status === 0 ? await readFile(output, "utf8") : "", stderr };
  };
}

function linesOf(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join("");
}

function readAnswer({ text }: Answer, { members }: Question): Lock {
  const lock = parseLock("pylock.toml", text);
  return {
    ...lock,
    createdBy: "caisson",
    packages: lock.packages
      .filter(({ name }) => !members.includes(name))
      .map((locked) => ({
        ...locked,
        ...(locked.index === undefined ? {} : { index: withoutCredentials(locked.index) }),
        files: locked.files.map((file) => (file.url === undefined ? file : { ...file, url: withoutCredentials(file.url) })),
      })),
  };
}

/** uv takes the newest version even where only an older one has a wheel; so each that came without is asked for again, as a wheel or not at all. */
async function preferWheels(question: Question, compile: Compile, first: Lock): Promise<Lock> {
  const wheels: PackageName[] = [];
  const tried = new Set<PackageName>();
  let lock = first;
  for (let next = unbuilt(lock, question, tried); next !== undefined; next = unbuilt(lock, question, tried)) {
    tried.add(next);
    const answer = await compile([...wheels, next]);
    if (answer.status !== 0) continue;
    wheels.push(next);
    lock = readAnswer(answer, question);
  }
  return lock;
}

function unbuilt(lock: Lock, { platform }: Question, tried: ReadonlySet<PackageName>): PackageName | undefined {
  const selected = select(lock, platform);
  return "choices" in selected ? selected.choices.find(({ name, build }) => build && !tried.has(name))?.name : undefined;
}

/** Say who asks for what, and leave the why to uv's own words. */
async function explain(ctx: Context, question: Question, { status, stderr }: Answer): Promise<never> {
  const { written, platform, needs, offline, index } = question;
  const log = withoutCredentials(stderr.trim()).split("\n");
  const asked = /^error: Failed to (?:download and )?build `(?<name>[^`=]+)==(?<version>[^`]+)`\n  cause: The build backend returned an error$/m.exec(log.join("\n"))?.groups;
  // What uv would have us do is said of its own options.
  const hint = log.findIndex((line) => /^hint: .*(?:network|Build failures)/.test(line));
  const words = log.slice(0, hint === -1 ? log.length : hint).slice(-20).join("\n").trim().replace(/^error: /, "");
  const what = `\`${written}\` on ${platform.label}`;
  if (offline) throw new CaissonError([{ code: "lock-missing", message: `nothing is locked for ${what}, and the network is not to be used`, hint: "run it once without --offline, or commit a lock: caisson lock" }], new Error(words));
  const unknown = await findUnknown(ctx, question, stderr);
  if (unknown.length > 0) throw new CaissonError(unknown as [Problem, ...Problem[]], new Error(words));
  const refused = /^(?:error: )?(?:\s*cause: )?Failed to fetch: `?(?<url>\S+?)`?\n(?:.*\n)*?\s*cause: HTTP status \w+ error \((?<status>[^)]+)\)/m.exec(log.join("\n"))?.groups;
  if (refused !== undefined) fail({ code: "index-unreachable", message: `the index does not give \`${refused["url"] ?? ""}\`: ${refused["status"] ?? ""}`, hint: `ask who runs it, or try again later: curl -I ${refused["url"] ?? ""}` });
  if (asked !== undefined) return await backEndFailed(ctx, question, asked, log);
  if (status !== 1) throw new CaissonError([{ code: "requirements-broken", message: `uv could not lock ${what}`, hint: `the index is \`${withoutCredentials(index.url)}\` (from ${index.from})` }], new Error(words));
  await checkAddresses(ctx, needs, index, words);
  const named = needs.filter(({ name }) => new RegExp(`(?<![\\w.-])${name.replaceAll("-", "[-_.]")}(?![\\w-])`, "i").test(words));
  const asks = named.map(({ by, text }) => `\`${by}\` asks for \`${text}\``);
  throw new CaissonError([{ code: "requirements-broken", message: `no versions were found that satisfy what ${what} asks for`, ...(asks.length === 0 ? {} : { hint: asks.join("; ") }) }], new Error(words));
}

/** An sdist tells what it needs by its back end, which may fail at that as at building. */
async function backEndFailed(ctx: Context, { written, platform }: Question, asked: Readonly<Record<string, string>>, log: readonly string[]): Promise<never> {
  const { name = "", version = "" } = asked;
  const hint = [...[cureFor(log)].filter((cure) => cure !== undefined), await keepLog(ctx, `${name}-${version}-lock`, log)].join("; ");
  return fail({ code: "build-failed", message: `\`${name}\` ${version}, which \`${written}\` gets on ${platform.label}, cannot tell what it needs: its back end failed`, hint }, new Error(lastWordsOfBuild(log).join("\n")));
}

/**
 * Packages that no index has.
 * @throws CaissonError `index-unreachable`
 */
async function findUnknown(ctx: Context, { written, needs, index, settings, members }: Question, stderr: string): Promise<readonly Problem[]> {
  if (index.disabled) return [];
  const get = indexClient(ctx, index);
  const addressesOf = (name: string): readonly string[] => {
    const own = settings.url === undefined ? needs.find((need) => need.name === name)?.index : undefined;
    return own === undefined ? [...index.extra, index.url] : [withLogin(ctx, own.name, own.url)];
  };
  // uv names them; whether they really are unknown is the index's to say.
  const named = [...stderr.matchAll(/\b([a-z0-9][a-z0-9-]*) was not found/g)].map(([, name = ""]) => name);
  const suspects = [...new Set([...named, ...(named.length === 0 ? needs.slice(0, 1).map(({ name }) => name) : [])])].filter((name) => !members.includes(name as PackageName)).slice(0, 10);
  const pages = await Promise.all(suspects.map(async (name) => ({ name, files: (await Promise.all(addressesOf(name).map((address) => readIndexPage(get, address, name)))).reduce((sum, page) => (page === undefined ? sum : (sum ?? 0) + page.length), undefined as number | undefined) })));
  return pages
    .filter(({ name, files }) => files === 0 || (files === undefined && named.includes(name)))
    .map(({ name, files }) => {
      const by = needs.find((need) => need.name === name)?.by ?? written;
      const place = withoutCredentials(addressesOf(name).at(-1) ?? "");
      if (files === 0) return { code: "requirements-broken", message: `\`${by}\` needs \`${name}\`, of which the index \`${place}\` lists no file`, hint: `is that an index? curl -L ${place.replace(/\/*$/, "")}/${name}/` };
      return { code: "requirements-broken", message: `\`${by}\` needs \`${name}\`, which the index \`${place}\` does not have`, hint: `check its spelling, ${settings.url === undefined ? "" : "upload it there, "}or name another index under [index] in caisson.toml` };
    });
}
