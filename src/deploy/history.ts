import type { JournalEntry, Problem, Target } from "../model/index.ts";
import type { Context } from "../system/index.ts";
import { contactHosts } from "./contact.ts";

/** A host's journal, oldest first. */
export interface HostHistory {
  readonly host: string;
  readonly entries: readonly JournalEntry[];
  /** Out of reach. */
  readonly problem?: Problem;
}

/** What was done to each host of a target, by whom and how it ended; the last `count` lines. */
export async function readHistory(ctx: Context, target: Target, count: number): Promise<readonly HostHistory[]> {
  await using contact = await contactHosts(ctx, target.hosts, count);
  return [
    ...contact.hosts.map(({ host, state }) => ({ host: host.name, entries: state.journal ?? [] })),
    ...contact.missed.map(({ host, problem }) => ({ host: host.name, entries: [], problem })),
  ];
}
