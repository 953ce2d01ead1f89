import { setTimeout as sleep } from "node:timers/promises";
import { CaissonError, type HostAddress, type Problem, type Target } from "../../model/index.ts";
import type { Context } from "../../system/index.ts";
import type { Agent, LogLine, LogRequest } from "../../transport/index.ts";
import { contactHosts } from "./contact.ts";

/** Whose words are wanted, how many of the last lines, and whether to wait for more until we are asked to stop. */
export interface LogsRequest extends Pick<LogRequest, "lines" | "process"> {
  readonly follow?: boolean;
}

/** A host whose words could not be read, or not to the end. */
export interface MissedLog {
  readonly host: string;
  readonly problem: Problem;
}

/** Milliseconds between two questions while waiting for more. */
const GLANCE = 1000;

/** What processes on a target's hosts have said, given to `onLine` host by host; of a host that is followed, as it comes. Changes nothing. */
export async function readLogs(ctx: Context, target: Target, request: LogsRequest, onLine: (host: string, line: LogLine) => void): Promise<readonly MissedLog[]> {
  await using contact = await contactHosts(ctx, target.hosts);
  const missed: MissedLog[] = contact.missed.map(({ host, problem }) => ({ host: host.name, problem }));
  const read = async ({ host }: { readonly host: HostAddress }): Promise<readonly LogLine[]> => {
    await using agent = await contact.open(host);
    try {
      return await readHost(ctx, target, agent, request, (line) => onLine(host.name, line));
    } catch (error) {
      if (!(error instanceof CaissonError)) throw error;
      missed.push({ host: host.name, problem: error.problems[0] });
      return [];
    }
  };
  if (request.follow === true) {
    await Promise.all(contact.hosts.map(read));
    return missed;
  }
  const found = await Promise.all(contact.hosts.map(async (observed) => ({ host: observed.host.name, lines: await read(observed) })));
  for (const { host, lines } of found) for (const line of lines) onLine(host, line);
  return missed;
}

/** The last lines; where they are followed, those go to `onLine` with all that come after. */
async function readHost(ctx: Context, target: Target, agent: Agent, { lines, process, follow }: LogsRequest, onLine: (line: LogLine) => void): Promise<readonly LogLine[]> {
  const asked = { lines, ...(process === undefined ? {} : { process }) };
  let log = await agent.logs(target.service, asked);
  if (follow !== true) return log.lines;
  for (;;) {
    log.lines.forEach(onLine);
    await sleep(GLANCE, undefined, { signal: ctx.signal }).catch(() => undefined);
    if (ctx.signal.aborted) return [];
    const { cursor } = log;
    const next = await agent.logs(target.service, { ...asked, ...(cursor === null ? {} : { after: cursor }) });
    log = { ...next, cursor: next.cursor ?? cursor };
  }
}
