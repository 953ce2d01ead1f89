import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import tls from "node:tls";
import { fileURLToPath } from "node:url";
import { CaissonError, fail, type Bytes } from "../../model/index.ts";
import { errorCode, type Context } from "../../system/index.ts";
import { withoutCredentials } from "../source/git.ts";
import type { PackageIndex } from "./index-settings.ts";
import { findLogin, type Login } from "./netrc.ts";

/** What a server, or a `file:` URL, answered. */
export interface Answer {
  readonly status: number;
  /** After redirections; relative links start here. */
  readonly url: string;
  readonly mediaType: string;
  /** Empty where the status is no success; else it must be read, or the connection stays open for a while. */
  readonly body: Bytes;
}

/**
 * Fetch something from an index: with its password, or the one that netrc has for the host; trusting the certificates that uv and pip trust.
 * @throws CaissonError `index-unreachable` where there is no answer at all, or none for a while · `cancelled`
 */
export type Get = (url: string, accept?: string) => Promise<Answer>;

/** Seconds without a byte after which a connection counts as broken. */
const PATIENCE = 60;

export function indexClient(ctx: Context, index: PackageIndex): Get {
  let netrc: Promise<string> | undefined;
  const readNetrc = (): Promise<string> => (netrc ??= readFile(ctx.env["NETRC"] ?? join(ctx.env["HOME"] ?? "/", ".netrc"), "utf8").catch(() => ""));
  let fetcher: Promise<typeof fetch> | undefined;
  return async (url, accept = "*/*") => {
    if (url.startsWith("file:")) return await getFile(url);
    if (!URL.canParse(url)) return fail({ code: "index-unreachable", message: `\`${withoutCredentials(url)}\` is no address of an index`, hint: "write it whole, with https://; [index] url names it, or uv's or pip's own setting" });
    const login = loginOf(url) ?? [index.url, ...index.extra].filter((known) => originOf(known) === originOf(url)).map(loginOf).find((found) => found !== undefined) ?? findLogin(await readNetrc(), new URL(url).hostname);
    const headers = { accept, "accept-encoding": "identity", ...(login === undefined ? {} : { authorization: `Basic ${Buffer.from(`${login.login}:${login.password}`).toString("base64")}` }) };
    const send = await (fetcher ??= chooseFetch(ctx, index));
    return await request(ctx, send, url, headers);
  };
}

async function getFile(url: string): Promise<Answer> {
  const found = await stat(fileURLToPath(url)).catch(() => undefined);
  if (found?.isFile() !== true) return { status: 404, url, mediaType: "", body: Readable.from([]) };
  return { status: 200, url, mediaType: "application/octet-stream", body: createReadStream(fileURLToPath(url), { highWaterMark: 1 << 20 }) };
}

function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

function loginOf(url: string): Login | undefined {
  if (!URL.canParse(url)) return undefined;
  const { username, password } = new URL(url);
  return username === "" ? undefined : { login: decodeURIComponent(username), password: decodeURIComponent(password) };
}

/** Node trusts its own list of certificates, and only there; undici is loaded where that is not enough. */
async function chooseFetch(ctx: Context, { certificates, insecureHosts }: PackageIndex): Promise<typeof fetch> {
  if (certificates === undefined && insecureHosts.length === 0) return ctx.fetch;
  const undici = await import("undici");
  const own = certificates === undefined ? "" : await readFile(certificates, "utf8").catch((cause: unknown) => fail({ code: "index-unreachable", message: `cannot read the certificates in \`${certificates}\``, hint: "SSL_CERT_FILE or pip's `cert` names them" }, cause));
  // Not imported by name: that alone would make all of them, for builds without a network too.
  const trusted = { ca: [...tls.rootCertificates, own] };
  const proxies = (connect: { readonly ca: string[]; readonly rejectUnauthorized?: boolean }): InstanceType<typeof undici.EnvHttpProxyAgent> => new undici.EnvHttpProxyAgent({ connect, requestTls: connect, ...proxyOf(ctx) });
  const [strict, lax] = [proxies(trusted), proxies({ ...trusted, rejectUnauthorized: false })];
  return (async (input: string, init: object) => {
    const { host, hostname } = new URL(input);
    return await undici.fetch(input, { ...init, dispatcher: insecureHosts.some((name) => name === host || name === hostname) ? lax : strict });
  }) as unknown as typeof fetch;
}

function proxyOf({ env }: Context): { readonly httpProxy?: string; readonly httpsProxy?: string; readonly noProxy?: string } {
  const first = (...names: readonly string[]): string | undefined => names.map((name) => env[name]).find((value) => value !== undefined && value !== "");
  const [http, https, none] = [first("http_proxy", "HTTP_PROXY"), first("https_proxy", "HTTPS_PROXY"), first("no_proxy", "NO_PROXY")];
  return { ...(http === undefined ? {} : { httpProxy: http }), ...(https === undefined ? {} : { httpsProxy: https }), ...(none === undefined ? {} : { noProxy: none }) };
}

async function request(ctx: Context, send: typeof fetch, url: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
  const watch = watchdog(ctx);
  const bare = new URL(url);
  bare.username = "";
  bare.password = "";
  bare.hash = "";
  try {
    const response = await send(bare.href, { headers, signal: watch.signal, redirect: "follow" });
    const answer = { status: response.status, url: response.url, mediaType: (response.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "" };
    if (response.ok && response.body !== null) return { ...answer, body: watched(ctx, url, response.body, watch) };
    watch.end();
    await response.body?.cancel();
    return { ...answer, body: Readable.from([]) };
  } catch (error) {
    watch.end();
    return unreachable(ctx, url, `cannot reach \`${hostOf(url)}\``, error);
  }
}

interface Watchdog {
  readonly signal: AbortSignal;
  readonly touch: () => void;
  readonly end: () => void;
}

function watchdog(ctx: Context): Watchdog {
  const seconds = Number(ctx.env["UV_HTTP_TIMEOUT"] ?? ctx.env["PIP_DEFAULT_TIMEOUT"] ?? PATIENCE) || PATIENCE;
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new Error(`nothing came for ${seconds} s`)), seconds * 1000);
  const stop = (): void => controller.abort(ctx.signal.reason);
  ctx.signal.addEventListener("abort", stop, { once: true });
  if (ctx.signal.aborted) stop();
  return {
    signal: controller.signal,
    touch: () => void timer.refresh(),
    end: () => {
      clearTimeout(timer);
      ctx.signal.removeEventListener("abort", stop);
    },
  };
}

async function* watched(ctx: Context, url: string, body: AsyncIterable<Uint8Array>, watch: Watchdog): Bytes {
  try {
    for await (const chunk of body) {
      watch.touch();
      yield chunk;
    }
  } catch (error) {
    unreachable(ctx, url, `the connection to \`${hostOf(url)}\` broke`, error);
  } finally {
    watch.end();
  }
}

function unreachable(ctx: Context, url: string, message: string, error: unknown): never {
  if (error instanceof CaissonError) throw error;
  if (ctx.signal.aborted) fail({ code: "cancelled", message: "stopped on request" });
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const why = cause instanceof Error ? cause.message || errorCode(cause) || "no answer" : String(cause);
  fail({ code: "index-unreachable", message, hint: certificateHint(errorCode(cause)) ?? networkHint(ctx, url) }, new Error(why));
}

/** Undefined where it is not about a certificate. */
function certificateHint(code = ""): string | undefined {
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID") return "its certificate is not valid today: ask who runs it, or is this machine's clock wrong? (date)";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return "its certificate is for another name: is the address right? [index] url names it, or uv's or pip's own setting";
  return /CERT|ISSUER|VERIFY_LEAF/.test(code) ? "its certificate is not trusted here: name the file of who signed it in SSL_CERT_FILE" : undefined;
}

function networkHint(ctx: Context, url: string): string {
  const { httpProxy, httpsProxy } = proxyOf(ctx);
  const proxy = url.startsWith("https:") ? httpsProxy : httpProxy;
  return `is the network there${proxy === undefined ? "" : `, and the proxy \`${withoutCredentials(proxy)}\``}? try: curl -I ${withoutCredentials(url)}`;
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
