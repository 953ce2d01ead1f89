import { digestHex, type Digest, type Label, type Target } from "../../model/index.ts";
import type { Store } from "../../store/index.ts";
import { sha256 } from "../../system/index.ts";
import type { Contact } from "../observe/contact.ts";
import type { ObservedHost } from "../observe/observed-host.ts";
import { isStaged, payloadsFor, type DeployRequest, type PayloadDocument } from "../plan/plan.ts";
import { readReleaseDocuments } from "../plan/payloads.ts";

/** What the releases of hosts are made of, as far as a store knows; each is read once. */
export interface Knowledge {
  /** Undefined where the release's stack was made elsewhere. */
  documentsOf(observed: ObservedHost, release: Label): Promise<readonly PayloadDocument[] | undefined>;
}

export function openKnowledge(store: Store, target: Target): Knowledge {
  const known = new Map<string, Promise<readonly PayloadDocument[] | undefined>>();
  return {
    documentsOf: async (observed, release) => {
      const { arch, libc, python, pythons } = observed.state.facts;
      const key = JSON.stringify([observed.state.releases.find(({ label }) => label === release)?.stack, arch, libc, python, Object.keys(pythons)]);
      if (!known.has(key)) known.set(key, readReleaseDocuments(store, observed, release, target));
      const documents = await known.get(key);
      return documents === undefined ? undefined : payloadsFor({ target, payloads: documents }, observed.host);
    },
  };
}

/**
 * The hosts as they were found, those that lack the release with the trees that they have. A host says a digest over them; where those of its releases have the same, they are known without a word, and otherwise it is asked.
 * A stack of elsewhere, other roles than today's, a tree that a failed run left, one that is damaged: all of them only cost that question.
 */
export async function learnLacking(knowledge: Knowledge, { hosts, look }: Pick<Contact, "hosts" | "look">, wanted: Pick<DeployRequest, "ref" | "stack">): Promise<readonly ObservedHost[]> {
  return await Promise.all(hosts.map(async (observed) => {
    const { host, state } = observed;
    if (isStaged(wanted, state)) return observed;
    const documents = await Promise.all(state.releases.map(({ label }) => knowledge.documentsOf(observed, label)));
    const trees = treesOf(documents.flatMap((each) => each ?? []));
    return { host, state: digestOfTrees(trees) === state.treesDigest ? { ...state, trees } : await look(host) };
  }));
}

function treesOf(documents: readonly PayloadDocument[]): readonly Digest[] {
  return [...new Set(documents.flatMap(({ payload }) => payload.trees.map(({ id }) => id)))].toSorted();
}

/** Equal to what the agent says of a root without damage. */
function digestOfTrees(trees: readonly Digest[]): Digest {
  return sha256(trees.map((tree) => `${digestHex(tree)}\n`).join(""));
}
