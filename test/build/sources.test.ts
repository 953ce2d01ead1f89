import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readWorkspace } from "../../src/config/index.ts";
import type { PackageName, Workspace } from "../../src/model/index.ts";
import { readSources, withSiblings } from "../../src/build/sources.ts";
import { makeGround, type Ground } from "./ground.ts";

let ground: Ground;
beforeEach(() => {
  ground = makeGround();
});
afterEach(() => ground.remove());

function repository(name: string, files: Readonly<Record<string, string>>): void {
  ground.write(Object.fromEntries(Object.entries(files).map(([path, text]) => [`${name}/${path}`, text])));
  ground.gitIn(name, "init", "-q");
  ground.gitIn(name, "add", ".");
  ground.gitIn(name, "commit", "-q", "-m", name);
}

function names(workspace: Workspace, name: string): readonly string[] {
  return withSiblings(workspace, [name as PackageName]).map((pkg) => pkg.name);
}

it("learns what packages of other repositories need from the files of the revision that is meant, and reads what they need too", async () => {
  repository("one", { "setup.cfg": "[metadata]\nname = one\n[options]\ninstall_requires =\n  idna\n  Two>=1\n" });
  repository("two", { "py/pyproject.toml": '[project]\nname = "two"\nversion = "1"\n[project.optional-dependencies]\nfull = ["three"]\n' });
  ground.gitIn("one", "tag", "v1");
  ground.write({ "one/setup.cfg": "[metadata]\nname = one\n" });
  ground.gitIn("one", "commit", "-q", "-a", "-m", "alone");
  ground.write({
    "work/caisson.toml": '[packages.app]\npath = "app"\n[packages.one]\ngit = "../one"\nref = "v1"\n[packages.two]\ngit = "../two"\npath = "py"\nextras = ["full"]\n[packages.three]\npath = "three"\n[packages.four]\npath = "four"\nneeds = ["Three"]\n',
    "work/app/requirements.txt": "one\n", "work/three/setup.py": "from setuptools import setup\nsetup(name='three')\n", "work/four/setup.py": "import setuptools\nsetuptools.setup(**read())\n",
  });
  const workspace = await readWorkspace(ground.context, join(ground.directory, "work"));
  expect(names(workspace, "four")).toEqual(["three", "four"]);
  expect(names(workspace, "app")).toEqual(["app", "one"]);
  const tagged = await readSources(ground.context, workspace, ["app" as PackageName], { onDisk: true });
  expect([names(tagged.workspace, "app"), [...tagged.of.keys()]]).toEqual([["app", "one", "two", "three"], ["app", "one", "two", "three"]]);
  const newest = await readSources(ground.context, workspace, ["one" as PackageName], { rev: "HEAD" });
  expect([...newest.of.keys()]).toEqual(["one"]);
  for (const source of [...tagged.of.values(), ...newest.of.values()]) await source[Symbol.asyncDispose]();
});
