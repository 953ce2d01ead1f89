import type { HostAddress, HostState } from "../../model/index.ts";

/** A host as it was found. */
export interface ObservedHost {
  readonly host: HostAddress;
  readonly state: HostState;
  /** How many seconds its clock is ahead of ours, at least; less than 0 where it is behind. */
  readonly skew?: number;
}
