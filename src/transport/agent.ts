import { randomBytes } from "node:crypto";
import { fail, type Bytes, type HostAddress, type HostState, type Json, type Step } from "../model/index.ts";
import type { Context } from "../system/index.ts";
import type { Channel, Transport } from "./channel.ts";
import { Conversation, type Answer } from "./conversation.ts";
import { encodeFrame } from "./frames.ts";
import { openWays } from "./ways.ts";

/** What `verify` found: files read, and what is wrong with which paths. */
export interface Verification {
  readonly files: number;
  readonly problems: readonly { readonly path: string; readonly problem: "bad" | "missing" | "strange" }[];
}

/**
 * Our side of a conversation with a host. Steps may be asked without waiting for the answers to earlier ones; the host does them in order.
 * Closing it while a switch is unconfirmed undoes the switch. Any call rejects with `unknown-state` when the agent is lost.
 */
export interface Agent extends AsyncDisposable {
  /** @throws CaissonError `host-unfit` · `permission` · `unknown-state` */
  observe(options?: { readonly journal?: number }): Promise<HostState>;
  /** Take the host's lock for this conversation; refused where somebody else has it, or has changed the host since it was seen at `generation`. `doing` tells others what for. @throws CaissonError `unknown-state` */
  hold(generation: number, doing: string): Promise<Answer>;
  /** Give the lock back, nothing having been changed. @throws CaissonError `unknown-state` */
  release(): Promise<Answer>;
  /** `bytes` are a received blob's; they are read only as fast as the host takes them. @throws CaissonError `unknown-state`, and whatever `bytes` throws */
  ask(step: Step, bytes?: Bytes): Promise<Answer>;
  /** Read every file of the host's releases again. @throws CaissonError `host-unfit` · `permission` · `unknown-state` */
  verify(): Promise<Verification>;
  /** Close it, and let the host's journal say why. */
  leave(why: string): Promise<void>;
}

/**
 * Start the agent on a host. `by` is who asks, `user@machine`, for the host's journal.
 * The first `observe`, with so many lines of its journal, is asked before anything was heard, so that a long way is gone once.
 * @throws CaissonError `host-unreachable` · `host-key` · `permission` · `host-unfit` · `name-invalid` · `tool-missing`
 */
export async function openAgent(ctx: Context, host: HostAddress, options: { readonly by: string; readonly journal?: number; readonly transport?: Transport }): Promise<Agent> {
  const marker = randomBytes(16).toString("hex");
  const { by, journal = 0 } = options;
  const look = { step: "observe", by, journal };
  const channel = await (options.transport ?? (await openWays(ctx, [host])).to(host)).open(host, marker, encodeFrame({ request: 1, ...look }));
  const conversation = new Conversation(channel, marker, host.name);
  const looked = conversation.asked();
  await conversation.begun.catch(async (cause: unknown) => await notStarted(channel, host, cause));
  return new RemoteAgent(conversation, host, by, { journal, answer: looked });
}

async function notStarted(channel: Channel, host: HostAddress, cause: unknown): Promise<never> {
  const { detail } = await channel.ended;
  return fail({ code: "host-unfit", message: `the agent could not be started on \`${host.name}\``, hint: "it needs python3, version 3.6 or newer" }, detail === "" ? cause : detail);
}

class RemoteAgent implements Agent {
  readonly #conversation: Conversation;
  readonly #host: HostAddress;
  readonly #by: string;
  /** What was asked when we came, until somebody wants to know it. */
  #looked: { readonly journal: number; readonly state: Promise<HostState> } | undefined;
  /** The number that our first change raises the host's generation to; learned by looking. */
  #generation: Promise<number> | undefined;
  #doing: string | undefined;

  constructor(conversation: Conversation, host: HostAddress, by: string, looked: { readonly journal: number; readonly answer: Promise<Answer> }) {
    this.#conversation = conversation;
    this.#host = host;
    this.#by = by;
    this.#looked = { journal: looked.journal, state: this.#stateOf(looked.answer) };
  }

  async observe(options: { readonly journal?: number } = {}): Promise<HostState> {
    const looked = this.#looked;
    this.#looked = undefined;
    return await (looked?.journal === (options.journal ?? 0) ? looked.state : this.#look(options.journal ?? 0));
  }

  async hold(generation: number, doing: string): Promise<Answer> {
    this.#generation = Promise.resolve(generation + 1);
    this.#doing = doing;
    return await this.#conversation.ask({ step: "hold", generation: generation + 1, by: this.#by, doing });
  }

  async release(): Promise<Answer> {
    return await this.#conversation.ask({ step: "release" });
  }

  async ask(step: Step, bytes?: Bytes): Promise<Answer> {
    if (step.step === "check") return await this.#conversation.ask({ ...step });
    if (this.#generation === undefined) void this.#look(0);
    // Asks that wait here go on in the order in which they came.
    const generation = await this.#generation;
    const size = step.step === "receive" ? { size: step.blob.size } : {};
    return await this.#conversation.ask({ ...step, ...size, generation, by: this.#by, ...(this.#doing === undefined ? {} : { doing: this.#doing }) }, bytes);
  }

  async verify(): Promise<Verification> {
    return this.#factsOf(await this.#conversation.ask({ step: "verify" })) as unknown as Verification;
  }

  async leave(why: string): Promise<void> {
    await this.#conversation.close(why);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#conversation.close();
  }

  #look(journal: number): Promise<HostState> {
    return this.#stateOf(this.#conversation.ask({ step: "observe", by: this.#by, journal }));
  }

  #stateOf(asked: Promise<Answer>): Promise<HostState> {
    const state = asked.then((answer) => ({ ...(this.#factsOf(answer) as unknown as HostState), host: this.#host.name }));
    this.#generation ??= state.then(({ generation }) => generation + 1);
    this.#generation.catch(() => {
      this.#generation = undefined;
    });
    return state;
  }

  #factsOf(answer: Answer): Json | undefined {
    if (!answer.done) fail({ code: answer.code, message: `\`${this.#host.name}\`: ${answer.detail}` });
    return answer.facts;
  }
}
