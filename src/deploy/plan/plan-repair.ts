import { digestHex, mediaTypes, type Descriptor, type Digest, type HostPlan, type Payload, type Plan, type Problem, type Step, type Target, type Tree, type TreeRef } from "../../model/index.ts";
import type { Verification, VerifiedRelease } from "../../transport/index.ts";
import { sentBytes, type Receive } from "../wire/sending.ts";
import { asTarget } from "./hook-steps.ts";
import type { ObservedHost } from "../observe/observed-host.ts";
import type { PayloadDocument } from "./plan.ts";

/** A host, and what is damaged there. */
export interface DamagedHost extends ObservedHost {
  readonly found: Verification;
}

/** All that decides what a repair does. */
export interface RepairRequest {
  readonly target: Target;
  readonly hosts: readonly DamagedHost[];
  /** The payloads that this store has, by the digests of their documents. */
  readonly payloads: ReadonlyMap<Digest, PayloadDocument>;
  /** The documents of trees that this store has, by their digests. */
  readonly trees: ReadonlyMap<Digest, Tree>;
  /** The blobs of those trees that this store has. */
  readonly blobs: ReadonlySet<Digest>;
}

/** What is done, and what cannot be, by the host's name. */
export interface PlannedRepair {
  readonly plan: Plan;
  readonly problems: ReadonlyMap<string, readonly Problem[]>;
  /** Processes of the current release whose files are mended, by the host's name. */
  readonly touched: ReadonlyMap<string, readonly string[]>;
}

/** Decide what makes the damaged trees of each host as new, and then the releases that are made of them or damaged themselves. What this store cannot make stays as it is. */
export function planRepair(request: RepairRequest): PlannedRepair {
  const { target } = request;
  const hosts = request.hosts.map((host) => planHost(request, host));
  return {
    // No host is a reason to leave another one damaged, and nothing is switched.
    plan: { schema: "caisson.plan/1", action: "repair", target: target.name, policy: { ...target.policy, canary: 0, maxFailed: target.hosts.length }, hosts: hosts.map(({ plan }) => plan) },
    problems: new Map(hosts.map(({ plan, problems }) => [plan.host.name, problems])),
    touched: new Map(hosts.map(({ plan, touched }) => [plan.host.name, touched])),
  };
}

/** The releases of a host that are damaged, or made of trees that are. */
export function damagedReleases({ found }: Pick<DamagedHost, "found">, payloads: RepairRequest["payloads"]): readonly VerifiedRelease[] {
  const trees = damagedTrees(found);
  const labels = new Set(found.problems.flatMap(({ path }) => /^versions\/([^/]+)/.exec(path)?.[1] ?? []));
  // Where a payload is not known, nobody can tell which trees it has.
  return (found.releases ?? []).filter((release) => labels.has(release.label) || (trees.size > 0 && release.payloads.some(({ payload }) => payloads.get(payload)?.payload.trees.some(({ id }) => trees.has(digestHex(id))) ?? true)));
}

/** The hex digits of damaged trees, each with its paths whose bytes are not what they should be. */
export function damagedTrees({ problems }: Verification): ReadonlyMap<string, ReadonlySet<string>> {
  const trees = new Map<string, Set<string>>();
  for (const { path, problem } of problems) {
    const [, tree, below] = /^trees\/([0-9a-f]{64})(\.json|\/.*|)$/s.exec(path) ?? [];
    if (tree === undefined || below === undefined) continue;
    const wrong = trees.get(tree) ?? new Set();
    trees.set(tree, problem === "mode" || problem === "owner" ? wrong : wrong.add(below.replace(/^\//, "")));
  }
  return trees;
}

interface HostRepair {
  readonly plan: HostPlan;
  readonly problems: readonly Problem[];
  readonly touched: readonly string[];
}

function planHost(request: RepairRequest, damaged: DamagedHost): HostRepair {
  const { host, state, found } = damaged;
  const paths = damagedTrees(found);
  const problems = new Map<string, Problem>();
  const lack = (problem: Problem): void => void problems.set(problem.message, problem);
  const steps: Step[] = [];
  const sent = new Set<Digest>();
  const send = (receives: readonly Receive[]): void => void steps.push(...receives.filter(({ blob }) => !sent.has(blob.digest) && sent.add(blob.digest)));
  const releases = damagedReleases(damaged, request.payloads);
  const mended = new Set<string>();
  const hopeless = new Set<string>();
  for (const release of releases) {
    for (const { package: name, version, payload } of release.payloads) {
      const known = request.payloads.get(payload);
      if (known === undefined) {
        lack({ code: "blob-missing", message: `${host.name}: this store does not know \`${name}\` ${version} of \`${release.name}@${release.label}\``, hint: `run it where \`${release.name}@${release.label}\` was built` });
        continue;
      }
      for (const ref of known.payload.trees) {
        const hex = digestHex(ref.id);
        const wrong = paths.get(hex);
        if (wrong === undefined || mended.has(hex) || hopeless.has(hex)) continue;
        const cure = cureOf(request, known.payload, ref, wrong);
        if ("lacking" in cure) {
          hopeless.add(hex);
          lack({ code: "blob-missing", message: `${host.name}: the store lacks \`${cure.lacking}\`, which \`${name}\` ${version} is made of`, hint: `caisson build ${name}` });
          continue;
        }
        mended.add(hex);
        send(cure.receives);
        const { interpreter, platform } = known.payload;
        steps.push({ step: "tree", id: ref.id, document: ref.document, ...(interpreter === undefined ? {} : { python: platform.python.version }), ...(cure.like ? { like: [ref.id] } : {}), again: true });
      }
    }
  }
  for (const { label, name, stack, payloads } of releases) {
    const documents = payloads.flatMap(({ payload }) => request.payloads.get(payload) ?? []);
    if (documents.length < payloads.length || documents.some(({ payload }) => payload.trees.some(({ id }) => hopeless.has(digestHex(id))))) continue;
    send(documents.map(({ document }) => ({ step: "receive", blob: document })));
    steps.push({ step: "stage", release: label, stack: { name, digest: stack }, payloads: documents.map(({ document }) => document), again: true });
  }
  const receives = steps.filter((step) => step.step === "receive");
  const current = releases.find(({ label }) => label === state.current);
  return {
    plan: { host, saw: { generation: state.generation, current: state.current }, from: state.current, to: state.current, steps: asTarget(request.target, steps), sendBytes: sentBytes(receives), keptBytes: 0, restarts: [], hooks: 0, removes: [] },
    problems: [...problems.values()],
    touched: (current?.payloads ?? []).flatMap(({ package: name, payload }) => {
      const known = request.payloads.get(payload)?.payload;
      const isTouched = known?.trees.some(({ id }) => mended.has(digestHex(id))) === true || found.problems.some(({ path }) => path.startsWith(`versions/${current?.label}/${name}/`));
      return isTouched ? (known?.processes ?? []).map((process) => process.name) : [];
    }),
  };
}

type Cure = { readonly lacking: Digest } | { readonly receives: readonly Receive[]; readonly like: boolean };

/** What a damaged tree is made of again: the files that are wrong, and the others from the tree itself; or everything, where that is less or the host no longer knows what the others are. */
function cureOf({ trees, blobs }: RepairRequest, payload: Payload, ref: TreeRef, wrong: ReadonlySet<string>): Cure {
  const tree = trees.get(ref.document.digest);
  if (tree === undefined) return { lacking: ref.document.digest };
  const files = tree.entries.filter((entry) => entry.kind === "file");
  const document: Receive = { step: "receive", blob: ref.document };
  const news = [...new Map(files.filter(({ path }) => wrong.has(path)).map((file) => [file.digest, file])).values()];
  const sources = new Set(files.flatMap(({ source }) => (source.from === "inline" ? [] : [source.blob])));
  const whole = payload.blobs.filter(({ digest }) => sources.has(digest));
  const like = !wrong.has(".json") && sizeOf(news) <= sizeOf(whole);
  const needed = like ? new Set(news.flatMap(({ source }) => (source.from === "inline" ? [] : [source.blob]))) : sources;
  const lacking = [...needed].find((blob) => !blobs.has(blob));
  if (lacking !== undefined) return { lacking };
  if (!like) return { receives: [document, ...whole.map((blob): Receive => ({ step: "receive", blob }))], like };
  return { receives: [document, ...news.map(({ digest, size, source }): Receive => ({ step: "receive", blob: { digest, size, mediaType: mediaTypes.bytes }, source }))], like };
}

function sizeOf(files: readonly Pick<Descriptor, "size">[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}
