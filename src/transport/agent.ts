import { randomBytes } from "node:crypto";
import { fail, type Bytes, type HostAddress, type HostState, type Json, type Step } from "../model/index.ts";
import type { Context } from "../system/index.ts";
import type { Channel, Transport } from "./channel.ts";
import { Conversation, type Answer } from "./conversation.ts";
import { localTransport } from "./local.ts";

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
  /** `bytes` are a received blob's; they are read only as fast as the host takes them. @throws CaissonError `unknown-state`, and whatever `bytes` throws */
  ask(step: Step, bytes?: Bytes): Promise<Answer>;
  /** Read every file of the host's releases again. @throws CaissonError `host-unfit` · `permission` · `unknown-state` */
  verify(): Promise<Verification>;
  /** Close it, and let the host's journal say why. */
  leave(why: string): Promise<void>;
}

/**
 * Start the agent on a host. `by` is who asks, `user@machine`, for the host's journal.
 * @throws CaissonError `host-unreachable` · `host-unfit`
 */
export async function openAgent(ctx: Context, host: HostAddress, options: { readonly by: string; readonly transport?: Transport }): Promise<Agent> {
  const marker = randomBytes(16).toString("hex");
  const channel = await (options.transport ?? transportTo(ctx, host)).open(host, marker);
  const conversation = new Conversation(channel, marker, host.name);
  await conversation.begun.catch(async (cause: unknown) => await notStarted(channel, host, cause));
  return new RemoteAgent(conversation, host, options.by);
}

function transportTo(ctx: Context, host: HostAddress): Transport {
  if (host.via === "local") return localTransport(ctx);
  return fail({ code: "host-unfit", message: `\`${host.name}\` is reached over ssh, which this version of Caisson does not do`, hint: "run Caisson on that host, with --to local:DIR" });
}

async function notStarted(channel: Channel, host: HostAddress, cause: unknown): Promise<never> {
  const { detail } = await channel.ended;
  return fail({ code: "host-unfit", message: `the agent could not be started on \`${host.name}\``, hint: "it needs python3, version 3.6 or newer" }, detail === "" ? cause : detail);
}

class RemoteAgent implements Agent {
  readonly #conversation: Conversation;
  readonly #host: HostAddress;
  readonly #by: string;
  /** The number that our first change raises the host's generation to; learned by looking. */
  #generation: Promise<number> | undefined;

  constructor(conversation: Conversation, host: HostAddress, by: string) {
    this.#conversation = conversation;
    this.#host = host;
    this.#by = by;
  }

  async observe(options: { readonly journal?: number } = {}): Promise<HostState> {
    return await this.#look(options.journal ?? 0);
  }

  async ask(step: Step, bytes?: Bytes): Promise<Answer> {
    if (step.step === "check") return await this.#conversation.ask({ ...step });
    if (this.#generation === undefined) void this.#look(0);
    // Asks that wait here go on in the order in which they came.
    const generation = await this.#generation;
    const size = step.step === "receive" ? { size: step.blob.size } : {};
    return await this.#conversation.ask({ ...step, ...size, generation, by: this.#by }, bytes);
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
    const state = this.#conversation.ask({ step: "observe", by: this.#by, journal }).then((answer) => ({ ...(this.#factsOf(answer) as unknown as HostState), host: this.#host.name }));
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
