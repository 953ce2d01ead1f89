import { randomBytes } from "node:crypto";
import { fail, type Bytes, type Digest, type HostAddress, type HostState, type Json, type Label, type PackageName, type Service, type Step } from "../model/index.ts";
import type { Context } from "../system/index.ts";
import type { Channel, Transport } from "./channel.ts";
import type { ExamineRequest, HostExamination, PlatformExamination } from "./examination.ts";
import { Conversation, type Answer } from "./conversation.ts";
import { encodeFrame, type Header } from "./frames.ts";
import type { Log, LogRequest, Running } from "./running.ts";
import { openWays } from "./ways.ts";

/** A release as its host knows it. */
export interface VerifiedRelease {
  readonly label: Label;
  readonly name: PackageName;
  readonly stack: Digest;
  /** Each package, and the document of its payload. */
  readonly payloads: readonly { readonly package: PackageName; readonly version: string; readonly payload: Digest }[];
}

/** What is wrong with a path. `detail`, of a mode or an owner: what it is and what it should be, `0444 instead of 0555`. */
export interface Damage {
  readonly path: string;
  readonly problem: "bad" | "missing" | "strange" | "mode" | "owner";
  readonly detail?: string;
}

/** What `verify` found: files read, and what is wrong with which paths; the releases where they were asked for. */
export interface Verification {
  readonly files: number;
  readonly problems: readonly Damage[];
  readonly releases?: readonly VerifiedRelease[];
}

/**
 * Our side of a conversation with a host. Steps may be asked without waiting for the answers to earlier ones; the host does them in order.
 * Closing it while a switch is unconfirmed undoes the switch. Any call rejects with `unknown-state` when the agent is lost.
 */
export interface Agent extends AsyncDisposable {
  /** @throws CaissonError `host-unfit` · `permission` · `unknown-state` */
  observe(options?: { readonly journal?: number; readonly trees?: true }): Promise<HostState>;
  /** Take the host's lock for this conversation; refused where somebody else has it, or has changed the host since it was seen at `generation`. `doing` tells others what for. @throws CaissonError `unknown-state` */
  hold(generation: number, doing: string): Promise<Answer>;
  /** Give the lock back, nothing having been changed. @throws CaissonError `unknown-state` */
  release(): Promise<Answer>;
  /** `bytes` are a received blob's, which are read only as fast as the host takes them, or the values of an environment, which are there. @throws CaissonError `unknown-state`, and whatever `bytes` throws */
  ask(step: Step, bytes?: Bytes | Uint8Array): Promise<Answer>;
  /** Several steps at once, each of which the host does only if it has done the one before it; what is not done for that reason is answered with `cancelled`. Errors as `ask`; none need be listened to. */
  askInTurn(steps: readonly Step[]): readonly Promise<Answer>[];
  /** Read every file of the host's releases again. @throws CaissonError `host-unfit` · `permission` · `unknown-state` */
  verify(options?: { readonly releases?: true }): Promise<Verification>;
  /** What runs there at this moment. @throws CaissonError `permission` · `unknown-state` */
  running(service: Service): Promise<Running>;
  /** What processes have said. @throws CaissonError `permission` · `unknown-state` */
  logs(service: Service, request: LogRequest): Promise<Log>;
  /** Everything that can be asked of a host without a release. @throws CaissonError `unknown-state` */
  examine(request: ExamineRequest): Promise<HostExamination>;
  /** What wheels are chosen by there, with its `python3` or the `pythonX.Y` of a minor. @throws CaissonError `interpreter-unfit` · `unknown-state` */
  platform(minor?: string): Promise<PlatformExamination>;
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
  /** What this contact settled; only the look that did so is told. */
  #recovered: HostState["recovered"];
  #signed = false;

  constructor(conversation: Conversation, host: HostAddress, by: string, looked: { readonly journal: number; readonly answer: Promise<Answer> }) {
    this.#conversation = conversation;
    this.#host = host;
    this.#by = by;
    this.#looked = { journal: looked.journal, state: this.#stateOf(looked.answer) };
  }

  async observe({ journal = 0, trees }: { readonly journal?: number; readonly trees?: true } = {}): Promise<HostState> {
    const looked = this.#looked;
    this.#looked = undefined;
    return await (looked?.journal === journal && trees === undefined ? looked.state : this.#look(journal, trees));
  }

  async hold(generation: number, doing: string): Promise<Answer> {
    this.#generation = Promise.resolve(generation + 1);
    this.#doing = doing;
    return await this.#conversation.ask({ step: "hold", generation: generation + 1, by: this.#by, doing });
  }

  async release(): Promise<Answer> {
    return await this.#conversation.ask({ step: "release" });
  }

  async ask(step: Step, bytes?: Bytes | Uint8Array): Promise<Answer> {
    return await this.#ask(step, bytes, false);
  }

  askInTurn(steps: readonly Step[]): readonly Promise<Answer>[] {
    return steps.map((step, at) => {
      const answer = this.#ask(step, undefined, at > 0);
      answer.catch(() => undefined);
      return answer;
    });
  }

  async #ask(step: Step, bytes: Bytes | Uint8Array | undefined, chained: boolean): Promise<Answer> {
    if (step.step === "check" && !chained && this.#generation === undefined) return await this.#conversation.ask({ ...step });
    if (this.#generation === undefined) void this.#look(0);
    // Asks that wait here go on in the order in which they came.
    const generation = await this.#generation;
    this.#looked = undefined;
    // Who asks and what for is said once: it is the first change that is signed.
    const signed = this.#signed ? {} : { by: this.#by, ...(this.#doing === undefined ? {} : { doing: this.#doing }) };
    this.#signed = true;
    if (bytes instanceof Uint8Array) return await this.#conversation.ask({ ...step, size: bytes.length, generation, ...signed }, inOnePiece(bytes), chained);
    return await this.#conversation.ask({ ...wordsFor(step), generation, ...signed }, bytes, chained);
  }

  async verify(options: { readonly releases?: true } = {}): Promise<Verification> {
    return this.#factsOf(await this.#conversation.ask({ step: "verify", ...options })) as unknown as Verification;
  }

  async running(service: Service): Promise<Running> {
    return this.#factsOf(await this.#conversation.ask({ step: "running", service })) as unknown as Running;
  }

  async logs(service: Service, request: LogRequest): Promise<Log> {
    return this.#factsOf(await this.#conversation.ask({ step: "logs", service, ...request })) as unknown as Log;
  }

  async examine(request: ExamineRequest): Promise<HostExamination> {
    return this.#factsOf(await this.#conversation.ask({ step: "examine", ...request })) as unknown as HostExamination;
  }

  async platform(minor?: string): Promise<PlatformExamination> {
    return this.#factsOf(await this.#conversation.ask({ step: "platform", ...(minor === undefined ? {} : { python: minor }) })) as unknown as PlatformExamination;
  }

  async leave(why: string): Promise<void> {
    await this.#conversation.close(why);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (this.#doing === undefined && !this.#signed ? this.#conversation.hangUp() : this.#conversation.close());
  }

  #look(journal: number, trees?: true): Promise<HostState> {
    return this.#stateOf(this.#conversation.ask({ step: "observe", by: this.#by, journal, ...(trees === undefined ? {} : { trees }) }));
  }

  #stateOf(asked: Promise<Answer>): Promise<HostState> {
    const state = asked.then((answer) => this.#remember(this.#factsOf(answer) as unknown as HostState));
    this.#generation ??= state.then(({ generation }) => generation + 1);
    this.#generation.catch(() => {
      this.#generation = undefined;
    });
    return state;
  }

  #remember(state: HostState): HostState {
    this.#recovered ??= state.recovered;
    return { ...state, ...(this.#recovered === undefined ? {} : { recovered: this.#recovered }), host: this.#host.name };
  }

  #factsOf(answer: Answer): Json | undefined {
    if (!answer.done) fail({ code: answer.code, message: `\`${this.#host.name}\`: ${answer.detail}` });
    return answer.facts;
  }
}

/** Bytes that are there already. */
async function* inOnePiece(bytes: Uint8Array): Bytes {
  yield bytes;
}

/** A step as the agent reads it: where we have the bytes is our own affair. */
function wordsFor(step: Step): Header {
  if (step.step !== "receive") return { ...step };
  const { blob: { digest, size }, packed } = step;
  const encoded = packed === undefined ? {} : { encoding: "deflate", ...(packed.base === undefined ? {} : { base: packed.base.path }) };
  return { step: "receive", blob: { digest, size }, size: packed?.size ?? size, ...encoded };
}
