import { access } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CaissonError, type HostAddress } from "../model/index.ts";
import { mapConcurrently, ownedDirectory, type Context, type TemporaryDirectory } from "../system/index.ts";
import type { Transport } from "./channel.ts";
import { localTransport } from "./local.ts";
import { quoteProxyCommand } from "./quote.ts";
import { sshTransport, type BringInterpreter, type Way } from "./ssh.ts";
import { lastWords, pauseBefore, startSsh, type Line } from "./ssh-process.ts";
import { explainFailure, type Failure } from "./ssh-words.ts";

/** The ways to some hosts, as far as they go together. */
export interface Ways extends AsyncDisposable {
  to(host: HostAddress): Transport;
}

/** Asked of ssh at the same time. */
const ASKING = 8;
/** Seconds until a jump host must carry connections. */
const PATIENCE = 30;
/** Milliseconds for which a jump host that refused is not asked again. */
const REFUSED = 3000;
/** The longest name of a socket is 107 bytes, and ssh puts 17 of its own behind ours while it makes one. */
const SOCKET_NAME = 88;

/**
 * Ways to hosts. What several of them reach through the same jump host goes through one connection to it:
 * a jump host drops what comes in crowds (MaxStartups), and takes any number of ways through one connection. Nothing is connected before a host is.
 * `bring` has an interpreter for those that have none; it is gone from there when the conversation ends.
 */
export async function openWays(ctx: Context, hosts: readonly HostAddress[], bring?: BringInterpreter): Promise<Ways> {
  const remote = hosts.filter(({ via }) => via === "ssh");
  const settings = new Map(await mapConcurrently([...new Set(remote.map(({ address }) => address))], ASKING, async (address) => [address, await readSettings(ctx, address)] as const));
  const wanted = remote.flatMap(({ address }) => settings.get(address)?.jump ?? []);
  const shared = new Set(wanted.filter((jump, at) => wanted.indexOf(jump) !== at));
  const jumps = new Map([...shared].map((jump) => [jump, new JumpHost(ctx, jump)]));
  return {
    to: (host) => (host.via === "local" ? localTransport(ctx) : sshTransport(ctx, wayTo(ctx, host.address, settings.get(host.address), jumps), bring)),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...jumps.values()].map((jump) => jump[Symbol.asyncDispose]()));
    },
  };
}

/** The way to a host as the user's own ssh configuration has it, for people: `deploy@10.0.0.7:22 through bastion`. */
export async function describeWay(ctx: Context, address: string): Promise<string> {
  const { user = "", host = "", port = "", jump, known } = await readSettings(ctx, address);
  return `${user}@${host}:${port}${jump === undefined ? "" : ` through ${jump}`}${known === undefined ? "" : `, known in ${known}`}`;
}

/** What the user's own configuration says of a host. */
interface Settings {
  readonly user?: string;
  readonly host?: string;
  readonly port?: string;
  /** Files of known hosts. */
  readonly known?: string;
  readonly jump?: string;
  readonly controlPath?: string;
  /** Options that undo what would keep a command of ours from running; an older ssh does not know them, and then its configuration cannot have them. */
  readonly overridden?: readonly string[];
}

/** What a configuration may do to every connection to a host, and the word that undoes it. */
const OVERRIDDEN: Readonly<Record<string, string>> = { remotecommand: "RemoteCommand=none", sessiontype: "SessionType=default", stdinnull: "StdinNull=no", forkafterauthentication: "ForkAfterAuthentication=no" };

/** Empty where ssh refuses its configuration: it will say so when it connects. */
async function readSettings(ctx: Context, address: string): Promise<Settings> {
  const { stdout } = await ctx.run(["ssh", "-G", "-T", "--", address], { cwd: "/", env: ctx.env, signal: ctx.signal }).catch(unlessMissing);
  const lines = new Map(Buffer.from(stdout).toString("utf8").split("\n").map((line) => [line.split(" ", 1)[0] ?? "", line.slice(line.indexOf(" ") + 1)] as const));
  const words = { user: "user", host: "hostname", port: "port", known: "userknownhostsfile", jump: "proxyjump", controlPath: "controlpath" };
  const found = Object.entries(words).flatMap(([name, word]) => {
    const value = lines.get(word);
    return value === undefined || value === "none" ? [] : [[name, value] as const];
  });
  const overridden = Object.entries(OVERRIDDEN).flatMap(([word, undone]) => (lines.has(word) && lines.get(word) !== undone.split("=")[1] ? ["-o", undone] : []));
  return { ...Object.fromEntries(found), overridden };
}

/** The connection itself says it better. */
function unlessMissing(error: unknown): { readonly stdout: Uint8Array } {
  if (error instanceof CaissonError && error.code === "tool-missing") return { stdout: new Uint8Array() };
  throw error;
}

/** A connection of the user's own that stands is used, because he may have typed a password for it; one that does not stand is no matter, and we never leave one behind. */
function wayTo(ctx: Context, address: string, settings: Settings = {}, jumps: ReadonlyMap<string, JumpHost>): Way {
  const own = ["-o", "ControlMaster=no", ...(settings.overridden ?? [])];
  return async () => {
    if (settings.controlPath !== undefined && (await isAlive(ctx, address, settings.controlPath))) return own;
    const jump = settings.jump === undefined ? undefined : await jumps.get(settings.jump)?.words();
    return [...own, "-o", "ControlPath=none", ...(jump ?? [])];
  };
}

async function isAlive(ctx: Context, address: string, controlPath: string): Promise<boolean> {
  if (!(await isThere(controlPath))) return false;
  return (await ctx.run(["ssh", "-O", "check", "--", address], { cwd: "/", env: ctx.env, signal: ctx.signal })).status === 0;
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(() => true, () => false);
}

/** One connection to a jump host, made when the first needs it, that carries those to the hosts behind it. */
class JumpHost implements AsyncDisposable {
  readonly #ctx: Context;
  readonly #address: string;
  readonly #before: string | undefined;
  #master: Promise<Master> | undefined;

  /** `jump` as ssh_config has it: jump hosts with commas between them, the nearest first. */
  constructor(ctx: Context, jump: string) {
    const hops = jump.split(",");
    this.#ctx = ctx;
    this.#address = addressOf(hops.at(-1) ?? "");
    this.#before = hops.length > 1 ? hops.slice(0, -1).join(",") : undefined;
  }

  /** Options of ssh that lead through it. One that has gone is made anew, once for all that ask. */
  async words(): Promise<readonly string[]> {
    const promise = (this.#master ??= this.#open());
    const master = await promise;
    if (master.gone()) {
      if (this.#master === promise) this.#master = undefined;
      await master[Symbol.asyncDispose]();
      return await this.words();
    }
    const through = ["ssh", "-T", "-o", "BatchMode=yes", "-o", "ControlMaster=no", "-o", `ControlPath=${master.socket}`, "-W", "[%h]:%p", "--", this.#address];
    return ["-o", `ProxyCommand=${quoteProxyCommand(through)}`];
  }

  /** An answer that is no is the answer to all who ask at that time. */
  #open(): Promise<Master> {
    const opened = openMaster(this.#ctx, this.#address, this.#before);
    opened.catch(async () => {
      await sleep(REFUSED, undefined, { ref: false });
      this.#master = undefined;
    });
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#master?.catch(() => undefined))?.[Symbol.asyncDispose]();
  }
}

interface Master extends AsyncDisposable {
  readonly socket: string;
  gone(): boolean;
}

/** @throws CaissonError `host-unreachable` · `host-key` · `permission`, of the jump host */
async function openMaster(ctx: Context, address: string, before: string | undefined): Promise<Master> {
  const scratch = await socketDirectory(ctx);
  const socket = join(scratch.path, "s");
  const words = ["-M", "-N", "-T", "-o", `ControlPath=${socket}`, "-o", "ControlPersist=no", ...(before === undefined ? [] : ["-o", `ProxyJump=${before}`]), "--", address];
  try {
    for (let attempt = 0; ; attempt++) {
      const line = await startSsh(ctx, words, true);
      if (await carries(line, socket)) return { socket, gone: () => line.gone(), [Symbol.asyncDispose]: async () => void (await Promise.all([line.end(), scratch[Symbol.asyncDispose]()])) };
      await line.end();
      const failure: Failure = { address, host: address, said: line.said(), admitted: false };
      const pause = pauseBefore(attempt, failure);
      if (pause === undefined) throw ofJumpHost(failure);
      await sleep(pause);
    }
  } catch (error) {
    await scratch[Symbol.asyncDispose]();
    throw error;
  }
}

/** Whether it has let us in before it ended, or before too long. */
async function carries(line: Line, socket: string): Promise<boolean> {
  for (let waited = 0; waited < PATIENCE * 1000 && !line.gone(); waited += 20) {
    if (await isThere(socket)) return true;
    await sleep(20);
  }
  return false;
}

function ofJumpHost(failure: Failure): CaissonError {
  const problem = explainFailure(failure);
  return new CaissonError([{ ...problem, message: `the jump host: ${problem.message}` }], lastWords(failure.said) || undefined);
}

/** Ours alone, removed by the next one where we are killed, short enough for the name of a socket, and without a letter that ssh's options read in a way of their own. */
async function socketDirectory(ctx: Context): Promise<TemporaryDirectory> {
  return await ownedDirectory("caisson-ssh", [ctx.env["XDG_RUNTIME_DIR"], tmpdir()].find(holdsSocket) ?? "/tmp");
}

function holdsSocket(place: string | undefined): place is string {
  return place !== undefined && /^\/[A-Za-z0-9_./-]+$/.test(place) && join(place, "caisson-ssh-NAMESPACES-PROCESS-XXXXXX", "s").length <= SOCKET_NAME;
}

/** A destination for ssh, of a hop as ProxyJump has it: `user@host:port`. */
function addressOf(hop: string): string {
  const { host = "", port } = /^(?<host>(?:.*@)?(?:\[[^\]]*\]|[^:]*)):(?<port>\d+)$/.exec(hop)?.groups ?? {};
  return port === undefined || hop.startsWith("ssh://") ? hop : `ssh://${host}:${port}`;
}
