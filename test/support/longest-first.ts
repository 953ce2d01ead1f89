import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files of half a minute and more on a quiet machine of two cores, longest first. */
const longest: readonly string[] = [
  "systemd/failures", "hosts/rollout", "deploy/interrupted-hooks", "accept/applications", "guides/django", "deploy/interrupted", "turret/start", "deploy/hooks", "deploy/deploy",
  "systemd/deploy", "stories/night", "deploy/rollout", "deploy/sweep", "acceptance/shop-on-three-hosts", "stories/stories", "build/build", "acceptance/shop-on-systemd", "systemd/hooks",
  "cli/over-ssh", "deploy/environment", "turret/guide", "acceptance/running-process", "guides/deploy", "cli/hooks", "deploy/odd-hosts", "transport/ssh", "cli/deploy", "acceptance/interrupted-build", "agent/python",
];

/** Begins with the files that take longest, so that none of them is left running alone at the end; the others follow as vitest orders them. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}

function place({ moduleId }: TestSpecification): number {
  const at = longest.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
  return at === -1 ? longest.length : at;
}
