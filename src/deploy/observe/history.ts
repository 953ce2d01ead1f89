import type { JournalEntry, Problem, Target } from "../../model/index.ts";
import type { Context } from "../../system/index.ts";

/** A host's journal, oldest first. */
export interface HostHistory {
  readonly host: string;
  readonly entries: readonly JournalEntry[];
  /** How many seconds its clock is ahead of ours, where it is wrong. */
  readonly skew?: number;
  /** Out of reach. */
  readonly problem?: Problem;
}

/** What was done to each host of a target, by whom and how it ended; the last `count` lines. */
export async function readHistory(ctx: Context, target: Target, count: number): Promise<readonly HostHistory[]> {
  // To put journals together needs no host.
  const { contactHosts } = await import("./contact.ts");
  await using contact = await contactHosts(ctx, target.hosts, { journal: count });
  return [
    ...contact.hosts.map(({ host, state, skew }) => ({ host: host.name, entries: state.journal ?? [], ...(skew === undefined ? {} : { skew }) })),
    ...contact.missed.map(({ host, problem }) => ({ host: host.name, entries: [], problem })),
  ];
}

/** A line of one of several journals. */
export interface HistoryLine {
  readonly host: string;
  readonly entry: JournalEntry;
}

/**
 * The journals of several hosts as one, oldest first. Each host's lines stay in their own order, whatever its clock said when they were written;
 * between hosts their times decide, as our clock would have told them.
 */
export function mergeHistories(hosts: readonly HostHistory[]): readonly HistoryLine[] {
  const left = hosts.map(({ host, entries, skew = 0 }) => ({ host, entries, skew, at: 0 }));
  const lines: HistoryLine[] = [];
  for (;;) {
    const heads = left.flatMap((journal) => {
      const entry = journal.entries[journal.at];
      return entry === undefined ? [] : [{ journal, entry, time: entry.time - journal.skew }];
    });
    const [first, ...others] = heads;
    if (first === undefined) return lines;
    const { journal, entry } = others.reduce((best, head) => (head.time < best.time ? head : best), first);
    journal.at++;
    lines.push({ host: journal.host, entry });
  }
}
