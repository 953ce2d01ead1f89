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
/** How to get to a host: options of ssh that only this way needs. Asked again for each connection, because ways end. */
export type Way = () => Promise<readonly string[]>;

/** The agent on another machine, by the system's OpenSSH client; it travels over the channel, and nothing of it stays but in the target's root. */
export function sshTransport(ctx: Context, way: Way): Transport {
  let traveller: Promise<Traveller> | undefined;
  return { open: async (host, marker, first) => await connect(ctx, host, marker, first, await (traveller ??= readTraveller()), way) };
}

async function connect(ctx: Context, host: HostAddress, marker: string, first: Uint8Array, traveller: Traveller, way: Way): Promise<Channel> {
  if (!isAddress(host.address)) fail({ code: "name-invalid", message: `\`${host.address}\` is no host`, hint: "user@host, or ssh://user@host:port" });
  const trouble = rootTrouble(host.root);
  if (trouble !== undefined) fail({ code: "name-invalid", message: `the directory \`${host.root}\` ${trouble}`, hint: "a directory on the host, from the top: /srv/shop" });
  for (let attempt = 0; ; attempt++) {
    const line = await startSsh(ctx, ["-T", ...(await way()), "--", host.address, traveller.command(host.root, marker, first)]);
    const begun = await begin(line, marker, traveller);
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

/** From the first word from the host to an agent that listens. */
async function begin(line: Line, marker: string, traveller: Traveller): Promise<NotBegun | { readonly output: Bytes }> {
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
