import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareDeploy } from "../../src/deploy/deploy.ts";
import { wantedStack } from "../../src/deploy/wanted.ts";
import type { Hook, Label, PackageName, Target } from "../../src/model/index.ts";
import { makeStack, openWorkbench, type Workbench } from "../support/hand-made.ts";
import { killAgentAtEveryStep, killCommandAtEveryStep, type Interruptible } from "../support/interrupt-every-step.ts";

let bench: Workbench;
let template = "";

/** Values of their own for each release, so that a release with another's would be seen. */
function target(root: string, version: string): Target {
  const file = join(bench.directory, `.env-${version}`);
  writeFileSync(file, `VERSION=${version}\n`);
  return {
    name: "local:app", roles: {}, keep: 5, environment: [file],
    service: { kind: "command", restart: "true" },
    hosts: [{ name: "local", via: "local", address: "", root }],
    policy: { canary: 1, maxParallel: 1, maxFailed: 0, minHealthy: 0, healthyDeadline: 60 },
  };
}

const files = (version: string): Readonly<Record<string, string>> => ({ "bin/hello": `#!/bin/sh\necho hello ${version}\n`, "bin/note": '#!/bin/sh\necho "$1 $VERSION" >> "$CAISSON_STATE/notes"\n' });
const hook: Hook = { at: "before-activate", argv: ["note", "before"], once: "stack", reversible: true, timeout: 20 };

beforeAll(async () => {
  bench = await openWorkbench();
  const first = await makeStack(bench.store, { version: "1.0", files: files("1.0"), health: { argv: ["hello"] } });
  const after: Hook = { at: "after-activate", argv: ["note", "after"], once: "host", reversible: true, timeout: 20 };
  await makeStack(bench.store, { version: "1.1", files: files("1.1"), health: { argv: ["hello"] }, hooks: [hook, after] });
  await makeStack(bench.store, { version: "1.2", files: files("1.2"), health: { argv: ["hello"] }, hooks: [{ ...hook, reversible: false }] });
  template = join(bench.directory, "template");
  await using change = await prepareDeploy(bench.ctx, bench.store, first, target(template, "1.0"));
  await change.apply();
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

function deployOf(version: string, more: Partial<Interruptible> = {}): Interruptible {
  const to = (root: string): Target => target(root, version);
  return {
    action: "deploy", stack: `hello@${version}`, template, from: "1.0", to: version, target: to,
    prepare: async (where, env) => await prepareDeploy({ ...bench.ctx, env: { ...bench.ctx.env, ...env } }, bench.store, await wantedStack(bench.store, { name: "hello" as PackageName, label: version as Label }), where),
    look: (root, current) => {
      const values = readFileSync(join(root, "env/hello"), "utf8");
      const notes = existsSync(join(root, "shared/notes")) ? readFileSync(join(root, "shared/notes"), "utf8").trim().split("\n") : [];
      return [
        ...(values === `VERSION="${current}"\n` ? [] : [`${current} has the values ${values}`]),
        ...(current === version && !notes.includes(`before ${version}`) ? [`${version} is current, and its hook has not run`] : []),
        ...notes.filter((note) => !note.endsWith(` ${version}`)).map((note) => `a hook saw other values: ${note}`),
      ];
    },
    ...more,
  };
}

describe("a deploy with hooks and other values", () => {
  it("leaves one whole release with its own values and converges, wherever the agent is killed", { timeout: 300_000 }, async () => {
    expect(await killAgentAtEveryStep(bench, deployOf("1.1"))).toEqual({ interruptions: 25, faults: [] });
  });

  it("leaves one whole release with its own values and converges, wherever the command is killed", { timeout: 300_000 }, async () => {
    expect(await killCommandAtEveryStep(bench, deployOf("1.1"))).toEqual({ interruptions: 24, faults: [] });
  });

  it("stays where it is, and converges, where the agent is killed behind an irreversible hook", { timeout: 300_000 }, async () => {
    expect(await killAgentAtEveryStep(bench, deployOf("1.2", { keeps: true }))).toEqual({ interruptions: 25, faults: [] });
  });
});
