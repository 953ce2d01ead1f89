import { spawn, type ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Readable, Writable } from "node:stream";
import { CaissonError, fail, isAddress, rootTrouble, type Bytes, type HostAddress } from "../model/index.ts";
import { errorCode, type Context } from "../system/index.ts";
import { readTraveller, type Traveller } from "./bootstrap.ts";
import type { Channel, Transport } from "./channel.ts";
import { readFirstWord } from "./first-word.ts";
import { explainFailure, explainUnfit, isDropped, type Failure } from "./ssh-words.ts";

/**
 * The user's own configuration and keys, and no question to anybody; one connection that carries one channel and nothing besides.
 * A silent line is given up after 15 s. Source: ssh_config(5)
 */
const OPTIONS: readonly string[] = [
  "BatchMode=yes", "ConnectTimeout=10", "ServerAliveInterval=5", "ServerAliveCountMax=2",
  "ClearAllForwardings=yes", "ForwardAgent=no", "ForwardX11=no", "RemoteCommand=none", "LogLevel=VERBOSE",
];

/** Seconds from the start of ssh to the first word from the host: connecting, authentication, login shells. */
const PATIENCE = 60;
/** Waits before each further try, in milliseconds, where a host drops us among many. */
const AGAIN: readonly number[] = [400, 1200, 3000];
/** Bytes of what ssh and the host log that are kept for an error's cause. */
const LOG_KEPT = 8192;

/** How to get to hosts: words for ssh before the host, `-o ProxyCommand=...`. */
export interface Route {
  readonly words: readonly string[];
}

/** The agent on another machine, by the system's OpenSSH client; it travels over the channel, and nothing of it stays but in the target's root. */
export function sshTransport(ctx: Context, route: Route = { words: [] }): Transport {
  let traveller: Promise<Traveller> | undefined;
  return { open: async (host, marker, first) => await connect(ctx, host, marker, first, await (traveller ??= readTraveller()), route) };
}

async function connect(ctx: Context, host: HostAddress, marker: string, first: Uint8Array, traveller: Traveller, route: Route): Promise<Channel> {
  if (!isAddress(host.address)) fail({ code: "name-invalid", message: `\`${host.address}\` is no host`, hint: "user@host, or ssh://user@host:port" });
  const trouble = rootTrouble(host.root);
  if (trouble !== undefined) fail({ code: "name-invalid", message: `the directory \`${host.root}\` ${trouble}`, hint: "a directory on the host, from the top: /srv/shop" });
  const words = ["-T", ...OPTIONS.flatMap((option) => ["-o", option]), ...route.words, "--", host.address, traveller.command(host.root, marker)];
  for (let attempt = 0; ; attempt++) {
    const line = await startSsh(ctx, words);
    const begun = await begin(line, marker, first, traveller);
    if ("output" in begun) return channelOf(line, begun.output);
    await line.end();
    const failure: Failure = { address: host.address, host: host.name, said: line.said(), admitted: line.admitted() };
    const wait = isDropped(failure) ? AGAIN[attempt] : undefined;
    if (wait === undefined) throw explain(failure, begun);
    await sleep(wait * (0.5 + Math.random()));
  }
}

/** An ssh that runs. */
interface Line {
  readonly input: Writable;
  readonly output: Readable;
  readonly ended: Promise<number>;
  /** What was written to stderr, by ssh and from the host. */
  said(): string;
  admitted(): boolean;
  /** End it now, jump hosts' ssh too. */
  end(): Promise<void>;
}

async function startSsh(ctx: Context, words: readonly string[]): Promise<Line> {
  // A group of its own: Ctrl-C in our terminal must reach us alone, and we decide what becomes of the host. Without a terminal nothing can ask, either.
  const child = spawn("ssh", words, { cwd: "/", env: environment(ctx), stdio: ["pipe", "pipe", "pipe"], detached: true });
  await new Promise<void>((started, failed) => {
    child.once("spawn", started).once("error", (cause: NodeJS.ErrnoException) => {
      failed(new CaissonError([{ code: "tool-missing", message: "cannot run `ssh`", hint: "install OpenSSH's client (apt-get install openssh-client)" }], cause));
    });
  });
  let said = "";
  let admitted = false;
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    admitted ||= isAdmitted(said + text);
    said = (said + text).slice(-LOG_KEPT);
  });
  // Not `close`: older ones leave stderr open as long as something on the host has it.
  const ended = new Promise<number>((settle) => child.once("exit", (code) => setImmediate(settle, code ?? 1)));
  // A broken pipe shows as the end of the output, which is where it is dealt with.
  child.stdin.on("error", () => undefined);
  const end = async (): Promise<void> => {
    kill(child);
    await ended;
  };
  return { input: child.stdin, output: child.stdout, ended, said: () => said, admitted: () => admitted, end };
}

/** A host's own locale, and not ours, is what its programs get; what ssh itself says is then in its own words. */
function environment({ env }: Context): Record<string, string> {
  const kept = Object.entries(env).filter(([name]) => !/^(?:LANG|LANGUAGE|LC_.*)$/.test(name));
  return { ...Object.fromEntries(kept), SSH_ASKPASS_REQUIRE: "never" };
}

function isAdmitted(said: string): boolean {
  return /^Authenticated to /m.test(said);
}

function kill(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, "SIGTERM");
  } catch (error) {
    if (errorCode(error) !== "ESRCH") throw error;
  }
}

/** Why no agent has begun. */
interface NotBegun {
  readonly why: "unfit" | "ended" | "silent";
  /** Of `unfit`: the host's os-release ID and ID_LIKE. */
  readonly system: string;
  readonly noise: string;
}

/** From the first word from the host to an agent that listens. `first` is sent at once: on a long way every answer that is waited for counts. */
async function begin(line: Line, marker: string, first: Uint8Array, traveller: Traveller): Promise<NotBegun | { readonly output: Bytes }> {
  line.input.write(first);
  let silent = false;
  const timer = setTimeout(() => {
    silent = true;
    void line.end();
  }, PATIENCE * 1000);
  try {
    const { word, rest, noise, output } = await readFirstWord(line.output, marker);
    if (word === "begun") return { output };
    if (word === "unfit" || word === "nothing") return { why: word === "unfit" ? "unfit" : silent ? "silent" : "ended", system: rest, noise };
    line.input.write(await traveller.program());
    const second = await readFirstWord(output, marker);
    return second.word === "begun" ? { output: second.output } : { why: silent ? "silent" : "ended", system: "", noise: second.noise };
  } finally {
    clearTimeout(timer);
  }
}

function explain(failure: Failure, { why, system, noise }: NotBegun): CaissonError {
  const cause = [noise, lastWords(failure.said)].filter((text) => text !== "").join("\n");
  const { host, address } = failure;
  if (why === "unfit") return new CaissonError([explainUnfit(host, system)], cause === "" ? undefined : cause);
  if (why === "silent") return new CaissonError([{ code: "host-unreachable", message: `\`${host}\` was silent for ${PATIENCE} s`, hint: `see what it does: ssh ${address} true` }], cause === "" ? undefined : cause);
  if (!failure.admitted) return new CaissonError([explainFailure(failure)], cause === "" ? undefined : cause);
  return new CaissonError([{ code: "host-unfit", message: `\`${host}\` lets us in, but does not run what we ask for`, hint: `the account needs a shell that runs commands, and no ForceCommand: \`ssh ${address} echo here\` must say \`here\`` }], cause === "" ? undefined : cause);
}

/** The end of a log, without ssh's own bookkeeping. */
function lastWords(said: string): string {
  const kept = said.replaceAll("\r", "").split("\n").filter((line) => !/^(?:Authenticated to |Transferred: |Bytes per second: |@@@@|$)/.test(line));
  return kept.slice(-12).join("\n").trim();
}

function channelOf(line: Line, output: Bytes): Channel {
  return {
    input: line.input,
    output,
    ended: line.ended.then((status) => ({ status, detail: lastWords(line.said()) })),
    abandon: () => void line.end(),
    [Symbol.asyncDispose]: async () => {
      line.input.destroy();
      await line.end();
    },
  };
}
