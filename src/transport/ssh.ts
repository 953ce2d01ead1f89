import { setTimeout as sleep } from "node:timers/promises";
import { CaissonError, fail, isAddress, rootTrouble, type Bytes, type HostAddress } from "../model/index.ts";
import type { Context } from "../system/index.ts";
import { readTraveller, type Traveller } from "./bootstrap.ts";
import type { Channel, Transport } from "./channel.ts";
import { readFirstWord } from "./first-word.ts";
import { lastWords, pauseBefore, startSsh, type Line } from "./ssh-process.ts";
import { bracketed, explainFailure, explainUnfit, type Failure } from "./ssh-words.ts";

/** Seconds from the start of ssh to the first word from the host: connecting, authentication, login shells. */
const PATIENCE = 60;
/** Bytes in a second, at the least, of a way over which an interpreter is sent. */
const SLOWEST = 50_000;

/** How to get to a host: options of ssh that only this way needs. Asked again for each connection, because ways end. */
export type Way = () => Promise<readonly string[]>;

/** An interpreter for a host of some architecture (`uname -m`) that has none. */
export type BringInterpreter = (arch: string, host: BareHost) => Promise<BroughtInterpreter | undefined>;

/** A host without a Python, as its shell tells it. */
export interface BareHost {
  /** os-release ID and VERSION_ID. */
  readonly os: { readonly id: string; readonly release: string };
  /** `glibc 2.17`; empty where it cannot be told. */
  readonly libc: string;
  /** os-release ID and ID_LIKE. */
  readonly system: string;
}

/** A tar archive with an interpreter in it. */
export interface BroughtInterpreter {
  /** `bin/python3.11` */
  readonly program: string;
  readonly size: number;
  readonly bytes: Bytes;
}

/** The agent on another machine, by the system's OpenSSH client; it travels over the channel, and nothing of it stays but in the target's root. */
export function sshTransport(ctx: Context, way: Way, bring?: BringInterpreter): Transport {
  let traveller: Promise<Traveller> | undefined;
  return { open: async (host, marker, first) => await connect(ctx, host, marker, first, await (traveller ??= readTraveller()), way, bring) };
}

async function connect(ctx: Context, host: HostAddress, marker: string, first: Uint8Array, traveller: Traveller, way: Way, bring: BringInterpreter | undefined): Promise<Channel> {
  if (!isAddress(host.address)) fail({ code: "name-invalid", message: `\`${host.address}\` is no host`, hint: "user@host, or ssh://user@host:port" });
  const trouble = rootTrouble(host.root);
  if (trouble !== undefined) fail({ code: "name-invalid", message: `the directory \`${host.root}\` ${trouble}`, hint: "a directory on the host, from the top: /srv/shop" });
  for (let attempt = 0; ; attempt++) {
    const line = await startSsh(ctx, ["-T", ...(await way()), "--", host.address, traveller.command(host.root, marker, first)]);
    const begun = await begin(line, marker, traveller, bring);
    if ("output" in begun) return channelOf(line, begun.output);
    await line.end();
    const failure: Failure = { address: host.address, host: host.name, said: line.said(), admitted: line.admitted() };
    const pause = pauseBefore(attempt, failure);
    if (pause === undefined) throw explain(failure, begun);
    await sleep(pause);
  }
}

/** Why no agent has begun. */
interface NotBegun {
  readonly why: "unfit" | "ended" | "silent";
  /** Of `unfit`: the host's os-release ID and ID_LIKE. */
  readonly system: string;
  readonly noise: string;
}

/** From the first word from the host to an agent that listens: it gets what it lacks, the agent's program and an interpreter, each once. */
async function begin(line: Line, marker: string, traveller: Traveller, bring: BringInterpreter | undefined): Promise<NotBegun | { readonly output: Bytes }> {
  let silent = false;
  const giveUp = (): void => {
    silent = true;
    void line.end();
  };
  let timer = setTimeout(giveUp, PATIENCE * 1000);
  let offered = false;
  try {
    for (let output: AsyncIterable<Uint8Array> = line.output; ; ) {
      const { word, rest, noise, output: following } = await readFirstWord(output, marker);
      output = following;
      if (word === "begun") return { output };
      if (word === "nothing") return { why: silent ? "silent" : "ended", system: "", noise };
      const { arch, host } = readBareHost(rest);
      if (word === "want") line.input.write(await traveller.program());
      else {
        const brought = offered ? undefined : await bring?.(arch, host);
        if (brought === undefined) return { why: "unfit", system: host.system, noise };
        offered = true;
        clearTimeout(timer);
        timer = setTimeout(giveUp, (PATIENCE + brought.size / SLOWEST) * 1000);
        await sendInterpreter(line, await traveller.bring(brought.size, brought.program), brought.bytes);
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

/** What stands behind `unfit`: ARCH ID ID_LIKE; VERSION_ID; LIBC. */
function readBareHost(rest: string): { readonly arch: string; readonly host: BareHost } {
  const [[arch = "", id = "", ...like] = [], [release = ""] = [], libc = []] = rest.split(";").map((part) => part.trim().split(" "));
  return { arch, host: { os: { id, release }, libc: libc.join(" "), system: [id, ...like].join(" ") } };
}

/** A line that says what to do with what comes, and the archive; what goes wrong on the way shows as what the host says next. */
async function sendInterpreter({ input }: Line, first: string, bytes: Bytes): Promise<void> {
  input.write(first);
  for await (const chunk of bytes) if (!input.write(chunk) && !input.destroyed) await new Promise<void>((go) => input.once("drain", go).once("close", go));
}

function explain(failure: Failure, { why, system, noise }: NotBegun): CaissonError {
  const cause = [noise, lastWords(failure.said)].filter((text) => text !== "").join("\n");
  const { host, address } = failure;
  if (why === "unfit") return new CaissonError([explainUnfit(host, system)], cause === "" ? undefined : cause);
  if (why === "silent") return new CaissonError([{ code: "host-unreachable", message: `\`${host}\` was silent for ${PATIENCE} s`, hint: `see what it does: ssh ${address} true` }], cause === "" ? undefined : cause);
  if (!failure.admitted) return new CaissonError([explainFailure(failure)], cause === "" ? undefined : cause);
  return new CaissonError([{ code: "host-unfit", message: `\`${host}\` lets us in, but does not run what we ask for${bracketed(cause.split("\n")[0])}`, hint: `the account needs a shell that runs commands, and no ForceCommand: \`ssh ${address} echo here\` must say \`here\`` }], cause === "" ? undefined : cause);
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
