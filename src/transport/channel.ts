import type { Writable } from "node:stream";
import type { Bytes, HostAddress } from "../model/index.ts";

/** A two-way stream of bytes to an agent that runs on a host. */
export interface Channel extends AsyncDisposable {
  readonly input: Writable;
  readonly output: Bytes;
  /** Resolves when the agent's process is gone; never rejects. `detail` is the end of its log. */
  readonly ended: Promise<{ readonly status: number; readonly detail: string }>;
  /** Wait no longer for the other side: the way to it is gone. */
  abandon(): void;
}

/** A way to start the agent on a host. `marker` is 32 hex digits that it writes before anything else, so that the noise of login shells can be skipped. */
export interface Transport {
  /** `first` are frames without raw bytes that are sent before anything was heard. @throws CaissonError `host-unreachable` · `host-key` · `permission` · `host-unfit` · `name-invalid` · `tool-missing` */
  open(host: HostAddress, marker: string, first: Uint8Array): Promise<Channel>;
}
