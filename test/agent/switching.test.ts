import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import type { Step } from "../../src/model/index.ts";
import { openAgent, type Agent } from "../../src/transport/index.ts";
import { ownPath, removeTree } from "../../src/system/index.ts";
import { fastest } from "../support/sweep-calls.ts";
import { activation, context, install, stack, stage } from "./host.ts";

/** Opens a file of the current release, one behind a link, and the release's own, until it is told to stop; prints how often it could, what it read, and what went wrong. */
const reader = `
import json, os, signal, sys
stopped = []
signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
opened, seen, wrong = 0, set(), []
print("reading", flush=True)
while not stopped:
    for name in ("config/bin/run", "config/release.txt", "manifest.json"):
        try:
            with open(os.path.join(sys.argv[1], name)) as file:
                text = file.read()
            opened += 1
            if name == "config/release.txt":
                seen.add(text)
        except OSError as error:
            wrong.append(str(error))
print(json.dumps({"opened": opened, "seen": sorted(seen), "wrong": wrong[:5]}))
`;

/** What a reader sees of the releases while something is done. */
async function readDuring(directory: string, work: () => Promise<void>): Promise<{ readonly opened: number; readonly seen: readonly string[]; readonly wrong: readonly string[] }> {
  const child = spawn("python3", ["-I", "-c", reader, directory], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    await once(child.stdout, "readable");
    const said = text(child.stdout);
    await work();
    child.kill();
    return JSON.parse((await said).split("\n")[1] ?? "") as Awaited<ReturnType<typeof readDuring>>;
  } finally {
    child.kill("SIGKILL");
  }
}

it("shows a reader of `versions/current` a whole release in each of 10,000 switches: forth, taken back, for good, and back", { timeout: 300_000 }, async () => {
  const directory = realpathSync(mkdtempSync(join(fastest, "caisson switches ")));
  const root = join(directory, "app");
  const open = (): Promise<Agent> => openAgent(context(), { name: "h1", via: "local", address: "", root }, { by: "tester@here" });
  try {
    {
      await using agent = await open();
      await install(agent, stack("1"));
      await stage(agent, stack("2"));
    }
    const seen = await readDuring(join(root, "versions/current"), async () => {
      const { stdout } = await promisify(execFile)("python3", ["-B", join(import.meta.dirname, "switch-often.py"), ownPath("dist/agent.py"), root, "9800"]);
      expect(stdout).toBe("9800\n");
      // And as a command asks for them.
      await using agent = await open();
      const forth = { to: "2", from: "1" } as { readonly to: never; readonly from: never };
      const steps: readonly Step[] = [activation(forth.to, forth.from), { step: "undo", release: forth.to }, activation(forth.to, forth.from), { step: "confirm", release: forth.to }, activation(forth.from, forth.to), { step: "confirm", release: forth.from }];
      for (let switches = 0; switches < 200; switches += 4) for (const answer of await Promise.all(steps.map((step) => agent.ask(step)))) expect(answer).toMatchObject({ done: true, changed: true });
    });
    expect(seen).toEqual({ opened: expect.any(Number) as number, seen: ["this is 1\n", "this is 2\n"], wrong: [] });
    expect(seen.opened).toBeGreaterThan(10_000);
  } finally {
    await removeTree(directory);
  }
});
