import { CaissonError, digestHex, mediaTypes, type Descriptor, type Digest, type HostOutcome, type Label, type Payload, type Plan, type Problem, type Step, type Target, type Tree } from "../model/index.ts";
import type { Store } from "../store/index.ts";
import { mapConcurrently, readWhole, type Context } from "../system/index.ts";
import type { Verification } from "../transport/index.ts";
import type { HostResult } from "./apply/outcome.ts";
import { createChange, type Change } from "./change.ts";
import { contactHosts, PATIENCE } from "./observe/contact.ts";
import type { HostVerification } from "./observe/verify.ts";
import type { PayloadDocument } from "./plan/plan.ts";
import { damagedReleases, damagedTrees, planRepair, type DamagedHost, type RepairRequest } from "./plan/plan-repair.ts";
import { openWire, type Wire } from "./wire/wire.ts";

/** What became of a host: how its files are now, and what cannot be mended from this store. */
export interface HostRepair extends HostVerification {
  readonly outcome: HostOutcome;
  /** What is current there, which is not changed; `now` is undefined where nobody can tell. */
  readonly from: Label | null;
  readonly to: Label | null;
  readonly now: Label | null | undefined;
  readonly lacking: readonly Problem[];
  /** Processes that were started before their files were mended. */
  readonly restart: readonly string[];
}

/** A plan to make what is damaged on hosts as new; see what was found, then carry it out or leave it. */
export interface Repair extends Change {
  readonly found: readonly HostVerification[];
  /** What cannot be mended from this store, by the host's name. */
  readonly problems: ReadonlyMap<string, readonly Problem[]>;
  /** Carry it out, and have every host read its files again: what that finds is the truth. */
  mend(): Promise<readonly HostRepair[]>;
}

/** Have every host read its files, and plan to mend what is damaged. Hosts out of reach keep nobody from mending the others. */
export async function prepareRepair(ctx: Context, store: Store, target: Target): Promise<Repair> {
  const contact = await contactHosts(ctx, target.hosts, { patience: PATIENCE });
  try {
    const looks = await Promise.all(contact.hosts.map(async (observed) => ({ observed, ...(await orProblem(async () => await contact.verify(observed.host))) })));
    const hosts = looks.flatMap(({ observed, found }): readonly DamagedHost[] => (found === undefined ? [] : [{ ...observed, found }]));
    const { plan, problems, touched } = planRepair(await gather(store, target, hosts));
    await using wire = openWire(store);
    const change = createChange(ctx, store, await packPlan(wire, plan), contact);
    const found = [...looks.map(({ observed: { host }, found: seen, problem }) => told(host.name, seen, problem)), ...contact.missed.map(({ host, problem }) => told(host.name, undefined, problem))];
    const mend = async (): Promise<readonly HostRepair[]> => {
      const results = plan.hosts.some(({ steps }) => steps.length > 0) ? await change.apply() : [];
      return await Promise.all(found.map(async (before): Promise<HostRepair> => {
        const planned = plan.hosts.find(({ host }) => host.name === before.host);
        const after = planned === undefined || planned.steps.length === 0 ? before : await lookAgain(change, planned.host);
        const result = results.find(({ host }) => host === before.host);
        const problem = after.problem ?? result?.problem;
        const restart = (after.found === undefined || result?.outcome === "unchanged" ? [] : touched.get(before.host)) ?? [];
        const outcome = outcomeOf(before, after, result);
        const current = planned?.from ?? null;
        return { host: before.host, outcome, from: current, to: current, now: outcome === "unknown" ? undefined : current, ...(after.found === undefined ? {} : { found: after.found }), ...(problem === undefined ? {} : { problem }), lacking: problems.get(before.host) ?? [], restart };
      }));
    };
    return { ...change, found, problems, mend };
  } catch (error) {
    await contact[Symbol.asyncDispose]();
    throw error;
  }
}

async function lookAgain(change: Change, host: Plan["hosts"][number]["host"]): Promise<HostVerification> {
  const { found, problem } = await orProblem(async () => {
    await using agent = await change.open(host);
    return await agent.verify();
  });
  return told(host.name, found, problem);
}

/** What the host's files say, whatever the work on them came to. */
function outcomeOf(before: HostVerification, after: HostVerification, result: HostResult | undefined): HostOutcome {
  if (after.found === undefined || result?.outcome === "unknown") return "unknown";
  const [was, is] = [before.found?.problems.length ?? 0, after.found.problems.length];
  if (is === 0) return was === 0 ? "unchanged" : "done";
  return is < was ? "partly-done" : "not-done";
}

/** Everything that the store knows of what is damaged. */
async function gather(store: Store, target: Target, hosts: readonly DamagedHost[]): Promise<RepairRequest> {
  const payloads = new Map<Digest, PayloadDocument>();
  const asked = new Set(hosts.flatMap((host) => (host.found.problems.length === 0 ? [] : damagedReleases(host, payloads).flatMap((release) => release.payloads.map(({ payload }) => payload)))));
  for (const digest of asked) {
    if (!(await store.has(digest))) continue;
    const bytes = await readWhole(store.read(digest));
    payloads.set(digest, { document: { digest, size: bytes.length, mediaType: mediaTypes.payload }, payload: JSON.parse(bytes.toString("utf8")) as Payload });
  }
  const damaged = new Set(hosts.flatMap(({ found }) => [...damagedTrees(found).keys()]));
  const trees = new Map<Digest, Tree>();
  const blobs = new Set<Digest>();
  for (const { payload } of payloads.values()) {
    for (const { id, document } of payload.trees) {
      if (!damaged.has(digestHex(id)) || trees.has(document.digest) || !(await store.has(document.digest))) continue;
      const tree = await store.readJson<Tree>(document.digest);
      trees.set(document.digest, tree);
      for (const entry of tree.entries) if (entry.kind === "file" && entry.source.from !== "inline" && !blobs.has(entry.source.blob) && (await store.has(entry.source.blob))) blobs.add(entry.source.blob);
    }
  }
  return { target, hosts, payloads, trees, blobs };
}

/** Blobs that are packed at once. */
const PACKING = 4;

/** The same plan with its bytes as they travel; what several hosts get is packed once. Wheels are packed already. */
async function packPlan(wire: Wire, plan: Plan): Promise<Plan> {
  const packed = new Map<Digest, Step & { readonly step: "receive" }>();
  const receives = plan.hosts.flatMap(({ steps }) => steps.filter((step) => step.step === "receive"));
  await mapConcurrently([...new Map(receives.map((step) => [step.blob.digest, step])).values()], PACKING, async (step) => {
    packed.set(step.blob.digest, isPacked(step.blob) ? step : await wire.pack(step.blob, step.source));
  });
  const hosts = plan.hosts.map((host) => {
    const steps = host.steps.map((step) => (step.step === "receive" ? (packed.get(step.blob.digest) ?? step) : step));
    return { ...host, steps, sendBytes: steps.reduce((sum, step) => sum + (step.step === "receive" ? (step.packed?.size ?? step.blob.size) : 0), 0) };
  });
  return { ...plan, hosts };
}

function isPacked({ mediaType }: Descriptor): boolean {
  return mediaType === mediaTypes.wheel;
}

function told(host: string, found: Verification | undefined, problem: Problem | undefined): HostVerification {
  return { host, ...(found === undefined ? {} : { found: { files: found.files, problems: found.problems } }), ...(problem === undefined ? {} : { problem }) };
}

async function orProblem(work: () => Promise<Verification>): Promise<{ readonly found?: Verification; readonly problem?: Problem }> {
  try {
    return { found: await work() };
  } catch (error) {
    if (!(error instanceof CaissonError)) throw error;
    const [problem] = error.problems;
    return { problem };
  }
}
