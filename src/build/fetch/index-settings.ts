import { readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parse } from "smol-toml";
import type { IndexSettings } from "../../model/index.ts";
import { userDirectory, type Context } from "../../system/index.ts";
import { cacheDirectory } from "../cache.ts";
import { readPipSettings } from "./pip-settings.ts";

/** Where distributions come from, all settings put together. URLs may hold passwords: show them by `withoutCredentials` only. */
export interface PackageIndex {
  readonly url: string;
  /** Further indexes, asked before `url`. */
  readonly extra: readonly string[];
  /** Absolute directories that exist, and URLs of pages. */
  readonly findLinks: readonly string[];
  /** File of certificates to trust besides the usual ones, absolute. */
  readonly certificates?: string;
  /** Hosts whose certificate is not looked at. */
  readonly insecureHosts: readonly string[];
  /** Only `findLinks`. */
  readonly disabled: boolean;
  /** Which setting names the index: `caisson.toml`, `UV_DEFAULT_INDEX`, `pip.conf` ... */
  readonly from: string;
}

const PUBLIC_INDEX = "https://pypi.org/simple";

/**
 * The package index and what belongs to it: the workspace's own setting, else uv's (environment, then files), else pip's (likewise), else the public one.
 * Who names the index also names the further ones; directories of files are taken from all.
 */
export async function indexSettings(ctx: Context, own: IndexSettings): Promise<PackageIndex> {
  const [uv, pip] = await Promise.all([readUvSettings(ctx), readPipSettings(ctx)]);
  const named = [{ url: own.url, extra: [], from: "caisson.toml" }, { ...uv, from: "uv's settings" }, { ...pip, from: "pip's settings" }].find(({ url }) => url !== undefined);
  const links = [...own.findLinks, ...uv.findLinks, ...pip.findLinks];
  const certificates = ctx.env["SSL_CERT_FILE"] || pip.certificates;
  return {
    url: named?.url ?? PUBLIC_INDEX,
    // Without an index of their own, uv's and pip's further ones stand beside the public one.
    extra: named === undefined ? [...uv.extra, ...pip.extra] : named.extra,
    findLinks: await existing([...new Set(links.map((link) => localPath(ctx, link)))]),
    ...(certificates === undefined || certificates === "" ? {} : { certificates: resolve(ctx.cwd, certificates) }),
    insecureHosts: [...uv.insecureHosts, ...pip.insecureHosts],
    disabled: own.url === undefined && (uv.disabled || pip.disabled),
    from: named?.from ?? "the default",
  };
}

/** An index with what somebody says of it for one purpose, as pip's options do: another one, further ones, directories, or none. */
export function extendIndex(index: PackageIndex, { url, extra, findLinks, none }: { readonly url?: string; readonly extra: readonly string[]; readonly findLinks: readonly string[]; readonly none: boolean }): PackageIndex {
  const links = findLinks.map((link) => (link.startsWith("file:") ? fileURLToPath(link) : link));
  return { ...index, ...(url === undefined ? {} : { url, from: "requirements.txt" }), extra: [...index.extra, ...extra], findLinks: [...new Set([...index.findLinks, ...links])], disabled: index.disabled || none };
}

/** What uv's or pip's own settings say, as they say it. */
export interface ToolSettings {
  readonly url?: string;
  readonly extra: readonly string[];
  readonly findLinks: readonly string[];
  readonly certificates?: string;
  readonly insecureHosts: readonly string[];
  readonly disabled: boolean;
}

/** uv's environment, then the user's and the machine's uv.toml. Source: docs.astral.sh/uv/reference/environment */
async function readUvSettings(ctx: Context): Promise<ToolSettings> {
  const { env } = ctx;
  const files = await readUvFiles(ctx);
  const url = env["UV_DEFAULT_INDEX"] || env["UV_INDEX_URL"] || files.url;
  const extra = [...words(env["UV_INDEX"]), ...words(env["UV_EXTRA_INDEX_URL"])];
  return {
    ...(url === undefined ? {} : { url: unnamed(ctx, url) }),
    extra: (extra.length > 0 ? extra : files.extra).map((index) => unnamed(ctx, index)),
    findLinks: [...(env["UV_FIND_LINKS"] ?? "").split(",").filter((link) => link !== ""), ...files.findLinks],
    insecureHosts: [...words(env["UV_INSECURE_HOST"]), ...files.insecureHosts],
    disabled: /^(?:1|true|yes|on|t|y)$/i.test(env["UV_NO_INDEX"] ?? ""),
  };
}

/** uv calls an index `name=URL`. */
function unnamed(ctx: Context, index: string): string {
  const [, name, url] = /^([A-Za-z0-9_.-]+)=(.+)$/s.exec(index) ?? [];
  return name === undefined || url === undefined ? index : withLogin(ctx, name, url);
}

/** The address of an index with a name, whose user and password uv takes from variables of that name. */
export function withLogin({ env }: Context, name: string, url: string): string {
  const variable = `UV_INDEX_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}`;
  const user = env[`${variable}_USERNAME`];
  if (user === undefined || !URL.canParse(url)) return url;
  const parsed = new URL(url);
  parsed.username = encodeURIComponent(user);
  parsed.password = encodeURIComponent(env[`${variable}_PASSWORD`] ?? "");
  return parsed.href;
}

async function readUvFiles(ctx: Context): Promise<Pick<ToolSettings, "url" | "extra" | "findLinks" | "insecureHosts">> {
  const home = userDirectory(ctx.env, "XDG_CONFIG_HOME", ".config");
  const candidates = ctx.env["UV_NO_CONFIG"] ? [] : ctx.env["UV_CONFIG_FILE"] ? [ctx.env["UV_CONFIG_FILE"]] : [join(home, "uv", "uv.toml"), "/etc/uv/uv.toml"];
  const tables = await Promise.all(candidates.map(readUvFile));
  const first = (pick: (table: UvFile) => string | undefined): string | undefined => tables.map(pick).find((value) => value !== undefined);
  const url = first((table) => table.index?.find((index) => index.default === true)?.url ?? table["index-url"] ?? table.pip?.["index-url"]);
  return {
    ...(url === undefined ? {} : { url }),
    extra: tables.flatMap((table) => [...(table.index ?? []).filter((index) => index.default !== true && index.explicit !== true).map((index) => index.url), ...(table["extra-index-url"] ?? table.pip?.["extra-index-url"] ?? [])]),
    findLinks: tables.flatMap((table) => table["find-links"] ?? table.pip?.["find-links"] ?? []),
    insecureHosts: tables.flatMap((table) => table["allow-insecure-host"] ?? []),
  };
}

interface UvFile {
  readonly index?: readonly { readonly url: string; readonly default?: boolean; readonly explicit?: boolean }[];
  readonly "index-url"?: string;
  readonly "extra-index-url"?: readonly string[];
  readonly "find-links"?: readonly string[];
  readonly "allow-insecure-host"?: readonly string[];
  readonly pip?: Pick<UvFile, "index-url" | "extra-index-url" | "find-links">;
}

/** uv itself complains about a file that it cannot read, and says it better. */
async function readUvFile(path: string): Promise<UvFile> {
  try {
    return parse(await readFile(path, "utf8"));
  } catch {
    return {};
  }
}

function words(text: string | undefined): readonly string[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "");
}

function localPath(ctx: Context, link: string): string {
  if (link.startsWith("file:")) return fileURLToPath(link);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(link)) return link;
  return resolve(ctx.cwd, link.replace(/^~(?=\/|$)/, ctx.env["HOME"] ?? "~"));
}

/** uv refuses a directory that is not there, pip passes it over. A page of links may also be a file. */
async function existing(links: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(links.map(async (link) => (/^[a-z][a-z0-9+.-]*:\/\//i.test(link) || (await stat(link).catch(() => undefined)) !== undefined ? [link] : [])));
  return found.flat();
}

/** How uv reaches the index: variables for its environment. Nothing else of the user's settings gets in. */
export function uvEnvironment(ctx: Context, index: PackageIndex): Readonly<Record<string, string>> {
  const passed = PASSED.flatMap((name) => (ctx.env[name] === undefined ? [] : [[name, ctx.env[name]] as const]));
  const home = ctx.env["HOME"];
  return {
    ...Object.fromEntries(passed),
    // A build has a HOME of its own, where this would not be found.
    ...(home === undefined || ctx.env["NETRC"] !== undefined ? {} : { NETRC: join(home, ".netrc") }),
    ...(index.disabled ? {} : { UV_DEFAULT_INDEX: index.url }),
    ...(index.extra.length === 0 ? {} : { UV_INDEX: index.extra.join(" ") }),
    ...(index.findLinks.length === 0 ? {} : { UV_FIND_LINKS: index.findLinks.map((link) => (link.startsWith("/") ? pathToFileURL(link).href.replaceAll(",", "%2C") : link)).join(",") }),
    ...(index.disabled ? { UV_NO_INDEX: "1" } : {}),
    ...(index.certificates === undefined ? {} : { SSL_CERT_FILE: index.certificates }),
    ...(index.insecureHosts.length === 0 ? {} : { UV_INSECURE_HOST: index.insecureHosts.join(" ") }),
    UV_CACHE_DIR: join(cacheDirectory(ctx), "uv"),
    UV_PYTHON_DOWNLOADS: "never",
    UV_NO_CONFIG: "1",
    UV_NO_PROGRESS: "1",
    UV_NO_ENV_FILE: "1",
  };
}

/** How to get out of this network, and how patient to be; none of it changes what is found. */
const PASSED: readonly string[] = [
  ...["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"].flatMap((name) => [name, name.toLowerCase()]),
  "NETRC", "SSL_CERT_DIR", "SSL_CLIENT_CERT", "UV_HTTP_TIMEOUT", "UV_HTTP_RETRIES", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_KEYRING_PROVIDER", "UV_CONCURRENT_DOWNLOADS",
];

