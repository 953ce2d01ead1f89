import type { Writable } from "node:stream";
import type { Bytes, HostAddress } from "../model/index.ts";

/** A two-way stream of bytes to an agent that runs on a host. */
export interface Channel extends AsyncDisposable {
  readonly input: Writable;
  readonly output: Bytes;
  /** Resolves when the agent's process is gone; never rejects. `detail` is the end of its log. */
  readonly ended: Promise<{ readonly status: number; readonly detail: string }>;
}

/** A way to start the agent on a host. `marker` is 32 hex digits that it writes before anything else, so that the noise of login shells can be skipped. */
export interface Transport {
  /** @throws CaissonError `host-unreachable` · `host-unfit` */
  open(host: HostAddress, marker: string): Promise<Channel>;
}
