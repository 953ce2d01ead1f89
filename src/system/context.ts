import { setMaxListeners } from "node:events";
import type { EpochSeconds, Event } from "../model/index.ts";
import { run, start, type Run, type Start } from "./run.ts";

/** Everything a function may use of the machine, handed down and never global. */
export interface Context {
  /** Absolute. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly now: () => EpochSeconds;
  readonly run: Run;
  readonly start: Start;
  readonly fetch: typeof fetch;
  readonly report: (event: Event) => void;
  /** Aborted by Ctrl-C; long work stops at it and leaves nothing half-made. */
  readonly signal: AbortSignal;
  /** Aborted by a second Ctrl-C: what would be safer finished is left, too. */
  readonly urgent: AbortSignal;
}

/** The real machine: `cwd` and `env` as given, everything else its own. */
export function createContext(options: { readonly cwd: string; readonly env: Readonly<Record<string, string | undefined>>; readonly report: (event: Event) => void; readonly signal: AbortSignal; readonly urgent?: AbortSignal }): Context {
  const { signal, urgent = new AbortController().signal } = options;
  // As many wait for one of them as there are hosts, programs and steps.
  setMaxListeners(0, signal, urgent);
  const env = Object.fromEntries(Object.entries(options.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
  return {
    cwd: options.cwd,
    env,
    now: () => Math.floor(Date.now() / 1000),
    run: (argv, how) => run(argv, { signal, ...how }),
    start,
    fetch: (input, init) => fetchThroughProxy(env, input, init),
    report: options.report,
    signal,
    urgent,
  };
}

/** Node's own fetch ignores HTTPS_PROXY; undici's agent honours it, and is loaded only where one is set. */
async function fetchThroughProxy(env: Readonly<Record<string, string>>, input: Parameters<typeof fetch>[0], init: RequestInit | undefined): Promise<Response> {
  const proxy = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"].some((name) => (env[name] ?? "") !== "");
  if (!proxy) return await fetch(input, init);
  const undici = await import("undici");
  const dispatcher = new undici.EnvHttpProxyAgent();
  const address = input instanceof Request ? input.url : input;
  return await undici.fetch(address, { ...(init as Parameters<typeof undici.fetch>[1]), dispatcher });
}
