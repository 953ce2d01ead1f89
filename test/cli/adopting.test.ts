import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readlinkSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Home } from "../support/machine.ts";
import { makeHello, type Hello } from "./hello.ts";

let home: Home;
let work: string;
let build: Hello["build"];
beforeEach(() => {
  ({ home, work, build } = makeHello());
});
afterEach(() => home.remove());

function run(...words: readonly string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const [program = "", ...rest] = words;
  const { status, stdout, stderr } = spawnSync(program, rest, { cwd: work, env: home.env, encoding: "utf8" });
  return { status, stdout, stderr: stderr.split("\n").filter((line) => !line.startsWith("  ")).join("\n") };
}

/** A release put there by hand, from a bundle, as somebody without Caisson would. */
function installByHand(version: string): void {
  const bundle = build(version);
  mkdirSync(join(work, "app/versions"), { recursive: true });
  expect(run("tar", "xzf", bundle)).toMatchObject({ status: 0 });
  const folder = bundle.replace(/^dist\//, "").replace(/\.tar\.gz$/, "");
  expect(run(`${folder}/install.sh`, join(work, `app/versions/${version}`))).toMatchObject({ status: 0 });
  symlinkSync(version, join(work, "app/versions/current"));
}

describe("a root that was made by hand", () => {
  it("fault 25: is adopted by a deploy, which says so; what stands there is kept", () => {
    installByHand("1.0");
    expect(run("caisson", "deploy", build("1.1"), "--to", "local:app")).toEqual({
      status: 0,
      stdout: "local  hello@1.1  active  (was: 1.0)\n",
      stderr: "local: `versions/1.0` was made by hand; it is left as it is, and is gone back to where this deploy fails\ndeploy hello@1.1 (froze hello@1.1)\n",
    });
    expect(readFileSync(join(work, "app/versions/1.0/etc/state"), "utf8")).toBe("good 1.0\n");
    expect(run("caisson", "rollback", "--to", "local:app")).toMatchObject({ status: 1, stderr: "error: `1.0`, the release before on local, was made by hand, and nobody knows what is in it\nhint: build and deploy it; or let it run as it is: ln -sfn 1.0 versions/current there, and start its processes\n" });
  });

  it("fault 25: is gone back to when the first deploy there fails", () => {
    installByHand("1.0");
    const bundle = build("1.1", "bad");
    expect(run("caisson", "deploy", bundle, "--to", "local:app")).toMatchObject({ status: 3, stdout: "local  hello@1.1  undone  (now: 1.0)\n" });
    expect(readlinkSync(join(work, "app/versions/current"))).toBe("1.0");
  });

  it("fault 25: is refused, with what to type, where what was made by hand has the release's own name", () => {
    installByHand("1.0");
    const refused = run("caisson", "deploy", "--to", "local:app");
    expect(refused).toMatchObject({ status: 1, stdout: "", stderr: `error: \`versions/1.0\` below \`${work}/app\` on local was made by hand, and is current\nhint: give it another name there, then deploy: mv versions/1.0 versions/1.0-by-hand && ln -sfn 1.0-by-hand versions/current\n` });
    expect(run("sh", "-c", "cd app && mv versions/1.0 versions/1.0-by-hand && ln -sfn 1.0-by-hand versions/current")).toMatchObject({ status: 0 });
    expect(run("caisson", "deploy", "--to", "local:app")).toMatchObject({ status: 0, stdout: "local  hello@1.0  active  (was: 1.0-by-hand)\n" });
  });

  it("fault 25: may be an empty directory", () => {
    mkdirSync(join(work, "app"));
    build("1.0");
    expect(run("caisson", "deploy", "--to", "local:app")).toMatchObject({ status: 0, stdout: "local  hello@1.0  active  (was: none)\n" });
    expect(existsSync(join(work, "app/versions/1.0/manifest.json"))).toBe(true);
  });
});
