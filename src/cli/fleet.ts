import type { Event, HostOutcome } from "../index.ts";

/** Where a host stands, as far as its events tell. */
type Standing = "waiting" | "staging" | "staged" | "hook" | "switching" | "checking" | "lost" | HostOutcome;

interface Seen {
  standing: Standing;
  /** In milliseconds. */
  since: number;
  sentBytes: number;
}

/** The hosts of a rollout, as people watch them. */
export interface Fleet {
  /** `deploy shop@124 -> production` */
  readonly title: string;
  /** Follow one event; `now` in milliseconds, on a clock that never goes back. Says whether it was about these hosts. */
  follow(event: Event, now: number): boolean;
  /** A line for each host while they fit into so many; else one for each standing, with counts, the slowest and the failed by name. */
  lines(now: number, rows: number): readonly string[];
  /** The same in one line, for where nobody looks on: `40 checking, 60 staged`. */
  readonly summary: string;
}

/** The words of events and their order on the screen: what has happened last stands first. */
const STANDINGS: readonly Standing[] = ["unknown", "undone", "partly-done", "not-done", "done", "unchanged", "lost", "checking", "switching", "hook", "staged", "staging", "waiting"];
const FAILED: ReadonlySet<Standing> = new Set(["unknown", "undone", "partly-done", "not-done"]);
const UNDER_WAY: ReadonlySet<Standing> = new Set(["staging", "hook", "switching", "checking", "lost"]);

/** A host that has been at something for so many milliseconds is named. */
const SLOW = 5000;

const STANDING_OF: Readonly<Record<string, Standing>> = { receive: "staging", tree: "staging", stage: "staging", prune: "staging", environment: "staging", hook: "hook", units: "switching", activate: "switching", restart: "switching", check: "checking", confirm: "checking", undo: "switching" };

/** Follow a rollout from its first event on. */
export function watchFleet(rollout: Event & { readonly type: "rollout" }, now: number, words: { readonly printSize: (bytes: number) => string; readonly foldNames: (names: readonly string[]) => string }): Fleet {
  const seen = new Map<string, Seen>(rollout.hosts.map((host) => [host, { standing: "waiting", since: now, sentBytes: 0 }]));
  const move = (host: string, standing: Standing, at: number): void => {
    const known = seen.get(host);
    if (known === undefined || known.standing === standing) return;
    known.standing = standing;
    known.since = at;
  };

  function follow(event: Event, at: number): boolean {
    if (event.type === "phase" && event.phase === "stage") return true;
    if (!("host" in event) || event.host === undefined || !seen.has(event.host)) return event.type === "phase";
    if (event.type === "host") move(event.host, event.outcome, at);
    else if (event.type === "step") {
      const known = seen.get(event.host);
      if (known !== undefined && event.step === "receive" && event.result === "done") known.sentBytes += event.bytes ?? 0;
      const isStaged = (event.step === "stage" || event.step === "hook") && event.result !== "begun";
      move(event.host, event.result === "lost" ? "lost" : isStaged ? "staged" : (STANDING_OF[event.step] ?? known?.standing ?? "waiting"), at);
    } else return event.type === "started" || event.type === "finished" || event.type === "progress";
    return true;
  }

  function group(): readonly { readonly standing: Standing; readonly hosts: readonly string[] }[] {
    return STANDINGS.map((standing) => ({ standing, hosts: [...seen].filter(([, known]) => known.standing === standing).map(([host]) => host) })).filter(({ hosts }) => hosts.length > 0);
  }

  function describe(host: string, at: number): string {
    const { standing, since, sentBytes } = seen.get(host) ?? { standing: "waiting", since: at, sentBytes: 0 };
    const took = Math.floor((at - since) / 1000);
    return [standing, ...(standing === "staging" && sentBytes > 0 ? [words.printSize(sentBytes)] : []), ...(UNDER_WAY.has(standing) && took > 0 ? [`${took} s`] : [])].join("  ");
  }

  function slowest(hosts: readonly string[], at: number): string {
    const slow = hosts.filter((host) => at - (seen.get(host)?.since ?? at) >= SLOW).toSorted((a, b) => (seen.get(a)?.since ?? 0) - (seen.get(b)?.since ?? 0));
    return slow.length === 0 ? "" : `  slowest: ${slow.slice(0, 3).map((host) => `${host} ${Math.floor((at - (seen.get(host)?.since ?? at)) / 1000)} s`).join(", ")}`;
  }

  return {
    title: `${rollout.action}${rollout.ref === undefined ? "" : ` ${rollout.ref}`} -> ${rollout.target}`,
    follow,
    get summary() {
      return group().map(({ standing, hosts }) => `${hosts.length} ${standing}${FAILED.has(standing) ? ` (${words.foldNames(hosts)})` : ""}`).join(", ");
    },
    lines: (at, rows) => {
      if (seen.size <= rows) {
        const width = Math.max(...[...seen.keys()].map((host) => host.length));
        return [...seen.keys()].map((host) => `${host.padEnd(width)}  ${describe(host, at)}`);
      }
      const digits = String(seen.size).length;
      return group().map(({ standing, hosts }) => `${standing.padEnd(9)} ${String(hosts.length).padStart(digits)}${FAILED.has(standing) ? `  ${words.foldNames(hosts)}` : UNDER_WAY.has(standing) ? slowest(hosts, at) : ""}`);
    },
  };
}
