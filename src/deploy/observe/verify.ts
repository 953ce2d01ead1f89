import { CaissonError, type Problem, type Target } from "../../model/index.ts";
import type { Context } from "../../system/index.ts";
import type { Verification } from "../../transport/index.ts";
import { contactHosts } from "./contact.ts";

/** What became of the files that were deployed to a host. */
export interface HostVerification {
  readonly host: string;
  readonly found?: Verification;
  /** Out of reach. */
  readonly problem?: Problem;
}

/** Read every file of every release again, on all hosts of a target, and hold it against what was deployed. Changes nothing. */
export async function verifyHosts(ctx: Context, target: Target): Promise<readonly HostVerification[]> {
  await using contact = await contactHosts(ctx, target.hosts);
  const found = contact.hosts.map(async ({ host }): Promise<HostVerification> => {
    await using agent = await contact.open(host);
    try {
      return { host: host.name, found: await agent.verify() };
    } catch (error) {
      if (error instanceof CaissonError) return { host: host.name, problem: error.problems[0] };
      throw error;
    }
  });
  return [...(await Promise.all(found)), ...contact.missed.map(({ host, problem }) => ({ host: host.name, problem }))];
}
