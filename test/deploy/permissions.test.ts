import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { prepareDeploy } from "../../src/deploy/deploy.ts";
import type { HostResult } from "../../src/deploy/apply/outcome.ts";
import { CaissonError, type Hook, type Target } from "../../src/model/index.ts";
import { makeStack, openWorkbench, type HandMade, type Workbench } from "../support/hand-made.ts";
import { has } from "../support/machine.ts";

/** `nobody` and its group, as every Debian has them. */
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
/** An interpreter of the system: those below /root nobody else can run. */
const becomes = isRoot && has("setpriv") && existsSync("/usr/bin/python3");

let bench: Workbench;
beforeEach(async () => {
  bench = await openWorkbench();
  chmodSync(bench.directory, 0o755);
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

/** From now on the agent of this machine runs as somebody who is not root, and may write `home`. */
function becomeNobody(): string {
  const home = join(bench.directory, "home of nobody");
  mkdirSync(home);
  if (!becomes) return home;
  chownSync(home, NOBODY, NOBODY);
  mkdirSync(join(bench.directory, "bin"));
  writeFileSync(join(bench.directory, "bin/python3"), `#!/bin/sh\nexec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups -- /usr/bin/python3 "$@"\n`, { mode: 0o755 });
  Object.assign(bench.ctx.env, { PATH: `${join(bench.directory, "bin")}:${bench.ctx.env["PATH"]}` });
  return home;
}

function target(root: string, more: Partial<Target> = {}): Target {
  return { name: "local:app", roles: {}, service: { kind: "none" }, keep: 5, hosts: [{ name: "local", via: "local", address: "", root }], policy: { canary: 1, maxParallel: 1, maxFailed: 0, minHealthy: 0, healthyDeadline: 2 }, ...more };
}

function version(number: string, more: Partial<HandMade> = {}): HandMade {
  return { version: number, files: { "bin/hello": `#!/bin/sh\necho hello ${number}\n` }, ...more };
}

async function deploy(made: HandMade, to: Target): Promise<readonly HostResult[]> {
  await using change = await prepareDeploy(bench.ctx, bench.store, await makeStack(bench.store, made), to);
  return await change.apply();
}

/** Everything below a directory, with owner, mode and time. */
function everything(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" }).toSorted().map((path) => {
    const { uid, gid, mode, mtimeMs, size } = lstatSync(join(directory, path));
    return `${path} ${uid}:${gid} ${mode.toString(8)} ${mtimeMs} ${size}`;
  });
}

describe("fault 24: a root whose directories are not as they must be", () => {
  const modes: readonly (readonly [string, (root: string) => void, RegExp])[] = [
    ["trees that may not be written", (root) => chmodSync(join(root, "trees"), 0o500), /trees` cannot be written by `\w+`; chmod u\+rwX /],
    ["versions that may not be read", (root) => chmodSync(join(root, "versions"), 0o300), /versions` cannot be written by|Permission denied/],
    ["a root that may not be written", (root) => chmodSync(root, 0o555), /app` cannot be written by/],
    ["a release that may not be read", (root) => chmodSync(join(root, "versions/1.0"), 0o000), /versions\/1\.0` cannot be read by/],
    ["trees that everybody may write", (root) => chmodSync(join(root, "trees"), 0o777), /trees` may be written by everybody; chmod o-w /],
    ["versions that everybody may write, sticky or not", (root) => chmodSync(join(root, "versions"), 0o1777), /versions` may be written by everybody/],
    ["a root that everybody may write", (root) => chmodSync(root, 0o777), /app` may be written by everybody/],
    ["values that everybody may write", (root) => chmodSync(join(root, ".env"), 0o777), /\.env` may be written by everybody/],
    ["a journal that may not be written", (root) => chmodSync(join(root, "journal.jsonl"), 0o400), /journal\.jsonl` cannot be written by/],
    ["a lock that may not be written", (root) => chmodSync(join(root, ".lock"), 0o400), /\.lock` cannot be written by/],
    ["a generation that is a directory", (root) => execFileSync("sh", ["-c", 'rm "$1"/.generation && mkdir "$1"/.generation', "sh", root]), /\.generation` cannot be written by/],
  ];

  it.skipIf(isRoot && !becomes).each(modes)("is refused when it is planned, with the cure, and nothing is written: %s (needs setpriv where we are root)", async (_, spoil, message) => {
    const root = join(becomeNobody(), "app");
    writeFileSync(join(bench.directory, ".env"), "A=1\n");
    expect(await deploy(version("1.0"), target(root, { environment: [join(bench.directory, ".env")] }))).toMatchObject([{ outcome: "done" }]);
    spoil(root);
    const before = everything(root);
    const refused: unknown = await prepareDeploy(bench.ctx, bench.store, await makeStack(bench.store, version("1.1")), target(root)).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(CaissonError);
    expect((refused as CaissonError).problems.map(({ code }) => code)).toEqual(["permission"]);
    expect((refused as CaissonError).message).toMatch(message);
    expect(everything(root)).toEqual(before);
  });

  it.skipIf(!becomes)("is refused where it belongs to somebody else (needs root, and setpriv)", async () => {
    const home = becomeNobody();
    const root = join(home, "app");
    await deploy(version("1.0"), target(root));
    for (const name of ["trees", "versions", "versions/1.0"]) {
      const path = join(root, name);
      chownSync(path, 0, 0);
      await expect(prepareDeploy(bench.ctx, bench.store, await makeStack(bench.store, version(`2.${name.length}`)), target(root))).rejects.toMatchObject({ code: "permission", message: expect.stringMatching(new RegExp(`${name}\` belongs to \`root\`, and this agent is \`nobody\`; deploy as \`root\`, or: chown -R nobody `)) as string });
      chownSync(path, NOBODY, NOBODY);
    }
    // The other way round: root would leave behind what the owner cannot work with any more.
    Object.assign(bench.ctx.env, { PATH: process.env["PATH"] ?? "" });
    await expect(prepareDeploy(bench.ctx, bench.store, await makeStack(bench.store, version("3.0")), target(root))).rejects.toMatchObject({ code: "permission", message: expect.stringContaining("belongs to `nobody`, and this agent is `root`; deploy as `nobody`") as string });
  });

  it.skipIf(isRoot && !becomes)("is refused where it cannot be made (needs setpriv where we are root)", async () => {
    const home = becomeNobody();
    chmodSync(home, 0o555);
    await expect(prepareDeploy(bench.ctx, bench.store, await makeStack(bench.store, version("1.0")), target(join(home, "srv/app")))).rejects.toMatchObject({ code: "permission", message: expect.stringContaining("cannot be made") as string });
    expect(readdirSync(home)).toEqual([]);
  });

  it("is made right under a umask of 077, and in a directory that is sticky", async () => {
    const shared = join(bench.directory, "tmp");
    mkdirSync(shared);
    chmodSync(shared, 0o1777);
    writeFileSync(join(bench.directory, "python3"), `#!/bin/sh\numask 077\nexec "$(PATH=\${PATH#*:} command -v python3)" "$@"\n`, { mode: 0o755 });
    Object.assign(bench.ctx.env, { PATH: `${bench.directory}:${bench.ctx.env["PATH"]}` });
    const root = join(shared, "app");
    expect(await deploy(version("1.0"), target(root))).toMatchObject([{ outcome: "done" }]);
    expect(["", "trees", "versions", "versions/1.0", "versions/1.0/bin", "shared"].map((name) => (statSync(join(root, name)).mode & 0o777).toString(8))).toEqual(["755", "755", "755", "755", "755", "755"]);
  });
});

describe("the user of a target", () => {
  const hook: Hook = { at: "before-activate", argv: ["who"], once: "host", reversible: true, timeout: 20 };
  const who = '#!/bin/sh\nid -un > "$CAISSON_STATE/who"\nid -G >> "$CAISSON_STATE/who"\necho "$HOME $USER" >> "$CAISSON_STATE/who"\nfor path in "$CAISSON_RELEASE/x" "$CAISSON_RELEASE/hello/x" "$CAISSON_RELEASE/../x" "$CAISSON_RELEASE/../../trees/x" "$CAISSON_RELEASE/../../x"; do if touch "$path" 2>/dev/null; then echo "wrote $path"; fi; done >> "$CAISSON_STATE/who"\ncat "$CAISSON_RELEASE/../../env/hello" >> "$CAISSON_STATE/who" 2>/dev/null || echo "cannot read values, has $SECRET" >> "$CAISSON_STATE/who"\n';
  const made = version("1.0", { files: { "bin/who": who, "bin/well": '#!/bin/sh\nid -un > "$CAISSON_STATE/well"\n' }, hooks: [hook], health: { argv: ["well"] } });

  it.skipIf(!isRoot)("runs hooks and health commands, owns `shared/`, and can write nothing else (needs root)", async () => {
    const root = join(bench.directory, "app");
    writeFileSync(join(bench.directory, ".env"), "SECRET=one\n");
    expect((await deploy(made, target(root, { user: "nobody", environment: [join(bench.directory, ".env")] }))).map(({ outcome, problem }) => [outcome, problem?.message])).toEqual([["done", undefined]]);
    expect(readFileSync(join(root, "shared/who"), "utf8").trim().split("\n")).toEqual(["nobody", String(NOBODY), "/nonexistent nobody", "cannot read values, has one"]);
    expect(readFileSync(join(root, "shared/well"), "utf8")).toBe("nobody\n");
    expect([statSync(join(root, "shared")).uid, statSync(join(root, "versions")).uid, statSync(join(root, "env/hello")).uid]).toEqual([NOBODY, 0, 0]);
  });

  it.skipIf(isRoot && !becomes)("is refused when it is planned where we are not root, with what to do (needs setpriv where we are root)", async () => {
    const root = join(becomeNobody(), "app");
    await expect(prepareDeploy(bench.ctx, bench.store, await makeStack(bench.store, made), target(root, { user: "shop" }))).rejects.toMatchObject({ code: "permission", message: expect.stringMatching(/^only root can run processes as `shop`, and on local you are `\w+`$/) as string, hint: "deploy as root, or as shop; or leave out the target's `user`" });
    expect(existsSync(root)).toBe(false);
  });

  it.skipIf(!isRoot)("must be there, and must be able to reach releases (needs root)", async () => {
    const root = join(bench.directory, "app");
    expect(await deploy(version("1.0"), target(root, { user: "no-such-user" }))).toMatchObject([{ outcome: "not-done", problem: { code: "host-unfit", message: expect.stringMatching(/^there is no user `no-such-user` here; make one: useradd /) as string } }]);
    chmodSync(bench.directory, 0o700);
    expect(await deploy(version("1.1"), target(root, { user: "nobody" }))).toMatchObject([{ outcome: "not-done", problem: { code: "permission", message: `\`nobody\` cannot enter \`${bench.directory}\`; chmod o+x '${bench.directory}'` } }]);
    expect(readdirSync(join(root, "versions"))).toEqual([]);
  });
});
