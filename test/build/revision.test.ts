import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CaissonError } from "../../src/model/index.ts";
import { readRevision, readRevisions } from "../../src/build/source/revision.ts";
import { copyDisk, describeDisk } from "../../src/build/source/snapshot.ts";
import type { RevisionRequest } from "../../src/build/source/source.ts";
import { COMMIT_TIME, makeGround, type Ground } from "./ground.ts";

let ground: Ground;
beforeEach(() => {
  ground = makeGround();
});
afterEach(() => ground.remove());

/** A shop of two packages, committed once and tagged 1.0. */
function makeShop(): string {
  ground.write({ "shop/web/pyproject.toml": "[project]\nname = 'web'\n", "shop/web/src/web.py": "one\n", "shop/util/util.py": "one\n", "shop/.gitignore": "*.log\n" });
  ground.gitIn("shop", "init", "-q");
  commit("shop", "first");
  ground.gitIn("shop", "tag", "1.0");
  return join(ground.directory, "shop");
}

function commit(directory: string, message: string): string {
  ground.gitIn(directory, "add", ".");
  ground.gitIn(directory, "commit", "-q", "-m", message);
  return ground.gitIn(directory, "rev-parse", "HEAD");
}

function url(name: string): string {
  return `file://${join(ground.directory, name)}`;
}

describe("a repository that holds the workspace", () => {
  it("row P1: takes HEAD, independent of what is not committed, and says that there is something", async () => {
    const shop = makeShop();
    const before = await readRevision(ground.context, shop, { path: "web" }, {});
    expect(before.revision).toEqual({ id: ground.gitIn("shop", "rev-parse", "HEAD"), time: COMMIT_TIME, dirty: false });
    expect(before.treeKey).toBe(ground.gitIn("shop", "rev-parse", "HEAD:web"));
    expect(before.uncommitted).toBe(false);

    ground.write({ "shop/web/src/web.py": "changed\n" });
    await using changed = await readRevision(ground.context, shop, { path: "web" }, {});
    await using other = await readRevision(ground.context, shop, { path: "util" }, {});
    expect([changed.treeKey, changed.uncommitted, other.uncommitted]).toEqual([before.treeKey, true, false]);
    expect(readFileSync(join(await changed.checkout(), "src/web.py"), "utf8")).toBe("one\n");
  });

  it("row P1: takes any branch, tag or commit, by its short name too", async () => {
    const shop = makeShop();
    const first = ground.gitIn("shop", "rev-parse", "HEAD");
    ground.write({ "shop/web/src/web.py": "two\n" });
    const second = commit("shop", "second");
    ground.gitIn("shop", "branch", "feature/x", first);
    for (const [rev, id] of [["1.0", first], ["feature/x", first], [first.slice(0, 9), first], ["HEAD~1", first], ["main", second]] as const) {
      await using source = await readRevision(ground.context, shop, { path: "web" }, { rev });
      expect(source.revision).toEqual({ id, time: COMMIT_TIME, dirty: false, ref: rev });
    }
  });

  it("reads a file of the revision without a checkout", async () => {
    const shop = makeShop();
    ground.write({ "shop/web/pyproject.toml": "changed", "shop/web/pylock.toml": "not there yet" });
    await using source = await readRevision(ground.context, shop, { path: "web" }, {});
    expect(await source.readText("pyproject.toml")).toBe("[project]\nname = 'web'\n");
    expect(await source.readText("src/web.py")).toBe("one\n");
    expect(await source.readText("pylock.toml")).toBeUndefined();
    expect(await source.readText("setup.py")).toBeUndefined();
  });

  it("reads what a link leads to in the repository, as it does on disk; what leads out of it, or nowhere, is not there", async () => {
    const shop = makeShop();
    ground.write({ "shop/requirements.txt": "six\n", "shop/notes/long.txt": "long\n" });
    for (const [name, target] of [["requirements.txt", "../requirements.txt"], ["notes.txt", "../notes/long.txt"], ["VERSION", "/etc/hostname"], ["setup.py", "nowhere\n\nat all"]] as const) symlinkSync(target, join(shop, "util", name));
    commit("shop", "links");
    await using source = await readRevision(ground.context, shop, { path: "util" }, {});
    expect(await Promise.all(["requirements.txt", "notes.txt", "VERSION", "setup.py", "util.py"].map((name) => source.readText(name)))).toEqual(["six\n", "long\n", undefined, undefined, "one\n"]);
    expect(await source.around()).toEqual({ ".gitignore": ground.gitIn("shop", "rev-parse", "HEAD:.gitignore"), outside: ground.gitIn("shop", "rev-parse", "HEAD^{tree}") });
  });

  it("checks the whole repository out as a repository of its own, so that a back end finds a version, and removes it", async () => {
    const shop = makeShop();
    ground.write({ "shop/web/src/web.py": "two\n" });
    commit("shop", "second");
    const source = await readRevision(ground.context, shop, { path: "web" }, {});
    const directory = await source.checkout();
    expect(await source.checkout()).toBe(directory);
    expect(existsSync(join(directory, "../util/util.py"))).toBe(true);
    const described = execFileSync("git", ["describe", "--tags", "--long", "--dirty"], { cwd: directory, encoding: "utf8" }).trim();
    expect(described).toBe(await source.describe());
    expect(described).toMatch(/^1\.0-1-g[0-9a-f]+$/);
    await source[Symbol.asyncDispose]();
    expect(existsSync(join(directory, "../.."))).toBe(false);
    expect(ground.gitIn("shop", "status", "--porcelain")).toBe("");
    expect(ground.gitIn("shop", "worktree", "list").split("\n")).toHaveLength(1);
  });

  it("gives a fresh checkout each time, clean of what the last build left", async () => {
    const shop = makeShop();
    await using source = await readRevision(ground.context, shop, { path: "web" }, {});
    const scratch = join(ground.directory, "scratch");
    const first = await source.checkoutInto(scratch);
    writeFileSync(join(first, "left-behind"), "");
    const second = await source.checkoutInto(scratch);
    expect(second).not.toBe(first);
    expect(readdirSync(second).toSorted()).toEqual(["pyproject.toml", "src"]);
  });

  it("reads several packages at once, and checks them out together", async () => {
    const shop = makeShop();
    const [web, util] = await readRevisions(ground.context, shop, [{ path: "web" }, { path: "util" }], {});
    expect([web?.treeKey, util?.treeKey]).toEqual([ground.gitIn("shop", "rev-parse", "HEAD:web"), ground.gitIn("shop", "rev-parse", "HEAD:util")]);
    expect(join((await web?.checkout()) ?? "", "../util")).toBe(await util?.checkout());
    const place = (await util?.checkout()) ?? "";
    await web?.[Symbol.asyncDispose]();
    expect(existsSync(place)).toBe(true);
    await util?.[Symbol.asyncDispose]();
    expect(existsSync(place)).toBe(false);
  });

  it("says that a repository is damaged, and not that it has no commits", async () => {
    const shop = makeShop();
    rmSync(join(shop, ".git/objects"), { recursive: true });
    mkdirSync(join(shop, ".git/objects"));
    await expect(readRevision(ground.context, shop, { path: "web" }, {})).rejects.toMatchObject({ code: "revision-unknown", message: `the repository \`${shop}\` is damaged`, hint: `git -C ${shop} fsck` });
  });

  it("says which revisions there are when it does not know the one asked for", async () => {
    const shop = makeShop();
    await expect(readRevision(ground.context, shop, { path: "web" }, { rev: "nope" })).rejects.toMatchObject({
      code: "revision-unknown",
      message: `there is no revision \`nope\` in \`${shop}\``,
      hint: "newest tags: 1.0; branches: main",
    });
  });

  it.each(["-x", "--upload-pack=touch pwned", "$(touch pwned)", "a; touch pwned", "`touch pwned`", "HEAD:web", "a\nb", "", " ", "../x", "HEAD^{tree}"])("row G13: takes `%s` for a revision that there is not, and does nothing else", async (rev) => {
    const shop = makeShop();
    await expect(readRevision(ground.context, shop, { path: "web" }, { rev })).rejects.toMatchObject({ code: "revision-unknown" });
    expect(existsSync(join(shop, "pwned"))).toBe(false);
  });

  it("refuses a package that is not committed yet, and says what to type", async () => {
    const shop = makeShop();
    ground.write({ "shop/new/setup.py": "" });
    await expect(readRevision(ground.context, shop, { path: "new" }, {})).rejects.toMatchObject({ code: "revision-unknown", message: `there is no directory \`new\` at the last commit of \`${shop}\``, hint: "git add new && git commit" });
  });

  it("takes a directory that git ignores for one without git, whatever repository lies around it", async () => {
    makeShop();
    ground.write({ "shop/.gitignore": "scratch/\n", "shop/scratch/try/setup.py": "" });
    const requests: readonly RevisionRequest[] = [{}, { onDisk: true }];
    for (const request of requests) {
      await using source = await readRevision(ground.context, join(ground.directory, "shop/scratch/try"), { path: "." }, request);
      expect(source.revision).toEqual({ id: source.treeKey, time: 315_532_800, dirty: false });
      expect(readdirSync(await source.checkout())).toEqual(["setup.py"]);
    }
  });

  it("says so where nothing was committed yet", async () => {
    ground.write({ "shop/web/setup.py": "" });
    ground.gitIn("shop", "init", "-q");
    await expect(readRevision(ground.context, join(ground.directory, "shop"), { path: "web" }, {})).rejects.toMatchObject({ code: "revision-unknown", message: expect.stringContaining("has no commit yet") });
    await expect(readRevision(ground.context, join(ground.directory, "shop"), { path: "web" }, { rev: "1.0" })).rejects.toMatchObject({ code: "revision-unknown", message: expect.stringContaining("has no commit yet") });
  });

  it("says so where git is missing", async () => {
    const shop = makeShop();
    await expect(readRevision(ground.with({ PATH: "/nowhere" }), shop, { path: "web" }, {})).rejects.toMatchObject({ code: "tool-missing", hint: "install git" });
  });

  it("says so where the repository is broken", async () => {
    const shop = makeShop();
    rmSync(join(shop, ".git/HEAD"));
    await expect(readRevision(ground.context, shop, { path: "web" }, {})).rejects.toMatchObject({ code: "revision-unknown", message: `git cannot read the repository of \`${shop}\`` });
  });

  it.skipIf(process.getuid?.() !== 0)("says what to type where git distrusts the repository's owner (needs root)", async () => {
    const shop = makeShop();
    execFileSync("chown", ["-R", "12345", shop]);
    await expect(readRevision(ground.context, shop, { path: "web" }, {})).rejects.toMatchObject({ code: "permission", hint: `git config --global --add safe.directory ${shop}` });
  });

  it("runs nobody's hooks", async () => {
    const shop = makeShop();
    writeFileSync(join(shop, ".git/hooks/post-checkout"), "#!/bin/sh\ntouch /tmp/caisson-hook-ran\n", { mode: 0o755 });
    ground.write({ "templates/hooks/post-checkout": `#!/bin/sh\ntouch '${ground.directory}/ran'\n`, "gitconfig": `[init]\n\ttemplateDir = "${ground.directory}/templates"\n` });
    chmodSync(join(ground.directory, "templates/hooks/post-checkout"), 0o755);
    await using source = await readRevision(ground.with({ GIT_CONFIG_GLOBAL: join(ground.directory, "gitconfig") }), shop, { path: "web" }, {});
    await source.checkout();
    expect([existsSync("/tmp/caisson-hook-ran"), existsSync(join(ground.directory, "ran"))]).toEqual([false, false]);
  });

  it("works in a linked working tree, and heeds no GIT_DIR of its caller", async () => {
    makeShop();
    ground.gitIn("shop", "worktree", "add", "-q", "../linked", "1.0");
    await using source = await readRevision(ground.with({ GIT_DIR: "/nowhere", GIT_INDEX_FILE: "/nowhere" }), join(ground.directory, "linked"), { path: "web" }, {});
    expect(readFileSync(join(await source.checkout(), "src/web.py"), "utf8")).toBe("one\n");
  });

  it("brings submodules along, from this machine where they are there, at the commit they had", async () => {
    ground.write({ "lib/lib.py": "one\n", "inner/inner.py": "one\n" });
    for (const name of ["lib", "inner"]) {
      ground.gitIn(name, "init", "-q");
      commit(name, "first");
    }
    ground.gitIn("lib", "submodule", "--quiet", "add", "../inner", "vendor/inner");
    commit("lib", "with inner");
    const shop = makeShop();
    ground.gitIn("shop", "remote", "add", "origin", join(ground.directory, "shop.git"));
    ground.gitIn("shop", "submodule", "--quiet", "add", "../lib", "web/vendor");
    ground.gitIn("shop", "submodule", "--quiet", "update", "--init", "--recursive");
    commit("shop", "with lib");
    ground.write({ "lib/lib.py": "two\n" });
    commit("lib", "second");
    // The servers are gone; what the user has is enough.
    rmSync(join(ground.directory, "inner"), { recursive: true });
    rmSync(join(ground.directory, "lib"), { recursive: true });
    await using source = await readRevision(ground.context, shop, { path: "web" }, {});
    const directory = await source.checkout();
    expect(readFileSync(join(directory, "vendor/lib.py"), "utf8")).toBe("one\n");
    expect(readFileSync(join(directory, "vendor/vendor/inner/inner.py"), "utf8")).toBe("one\n");
  });
});

describe("files on disk", () => {
  it("takes what git does not ignore, committed or not, and leaves out what was deleted", async () => {
    const shop = makeShop();
    const clean = await readRevision(ground.context, shop, { path: "web" }, { onDisk: true });
    ground.write({ "shop/web/new.py": "new\n", "shop/web/debug.log": "ignored\n" });
    rmSync(join(shop, "web/src/web.py"));
    await using source = await readRevision(ground.context, shop, { path: "web" }, { onDisk: true });
    expect(source.revision).toEqual({ id: expect.stringMatching(/^[0-9a-f]{64}$/) as string, time: 315_532_800, dirty: true });
    expect(source.treeKey).not.toBe(clean.treeKey);
    const directory = await source.checkout();
    expect(readdirSync(directory).toSorted()).toEqual(["new.py", "pyproject.toml"]);
    expect(existsSync(join(directory, "../util/util.py"))).toBe(true);
    expect(await source.readText("pyproject.toml")).toContain("web");
  });

  it("leaves out what is rubbish and nobody committed, ignored or not", async () => {
    const shop = makeShop();
    ground.write({ "shop/web/build/kept.py": "" });
    commit("shop", "build is a package");
    const clean = await readRevision(ground.context, shop, { path: "web" }, { onDisk: true });
    ground.write({ "shop/web/dist/web-1.0.tar.gz": "", "shop/web/web.egg-info/PKG-INFO": "", "shop/web/__pycache__/x.pyc": "" });
    await using source = await readRevision(ground.context, shop, { path: "web" }, { onDisk: true });
    expect(source.treeKey).toBe(clean.treeKey);
    expect(readdirSync(await source.checkout()).toSorted()).toEqual(["build", "pyproject.toml", "src"]);
  });

  it("gives a back end a repository on the same commit, in which what was written belongs, committed or not", async () => {
    const shop = makeShop();
    ground.write({ "shop/web/ein neues.py": "new\n" });
    ground.write({ "shop/debug.log": "ignored\n" });
    await using workspace = await readRevision(ground.context, shop, { path: "web" }, { onDisk: true });
    // A workspace need not be all of its repository.
    await using alone = await readRevision(ground.context, join(shop, "web"), { path: "." }, { onDisk: true });
    for (const source of [workspace, alone]) {
      const directory = await source.checkoutInto(join(ground.directory, "scratch"));
      const git = (...words: readonly string[]): string => execFileSync("git", words, { cwd: directory, encoding: "utf8" }).trim();
      expect(git("describe", "--tags", "--long", "--dirty")).toMatch(/^1\.0-0-g[0-9a-f]+-dirty$/);
      expect(git("-c", "core.quotePath=false", "ls-files")).toBe("ein neues.py\npyproject.toml\nsrc/web.py");
      expect(git("status", "--porcelain")).toBe('A "web/ein neues.py"');
    }
    const commits = [await alone.commit()];
    rmSync(join(shop, "web/ein neues.py"));
    for (const change of [() => undefined, () => ground.write({ "shop/util/util.py": "two\n" }), () => commit("shop", "second")]) {
      change();
      await using source = await readRevision(ground.context, shop, { path: "web" }, { onDisk: true });
      commits.push(await source.commit());
    }
    expect(commits.map((each) => each.describe.replace(/-g[0-9a-f]+/, ""))).toEqual(["1.0-0 changed", "1.0-0", "1.0-0 changed", "1.0-1"]);
    expect(commits.map(({ commit: id }) => id === ground.gitIn("shop", "rev-parse", "HEAD"))).toEqual([false, false, false, true]);
    expect(ground.gitIn("shop", "status", "--porcelain")).toBe("");
  });

  it("changes its name with a path, a content, an executable bit or a link's target, and with nothing else", async () => {
    ground.write({ "plain/a.py": "a\n", "plain/b.py": "b\n" });
    const plain = join(ground.directory, "plain");
    const key = async (): Promise<string> => (await readRevision(ground.with({ SOURCE_DATE_EPOCH: "1000000000" }), plain, { path: "." }, {})).treeKey;
    const seen = [await key()];
    execFileSync("touch", ["-d", "2001-01-01", join(plain, "a.py")]);
    chmodSync(join(plain, "a.py"), 0o600);
    expect(await key()).toBe(seen[0]);
    for (const change of [
      () => chmodSync(join(plain, "a.py"), 0o755),
      () => writeFileSync(join(plain, "b.py"), "c\n"),
      () => symlinkSync("a.py", join(plain, "link")),
      () => (rmSync(join(plain, "link")), symlinkSync("b.py", join(plain, "link"))),
      () => writeFileSync(join(plain, "d.py"), ""),
    ]) {
      change();
      seen.push(await key());
    }
    expect(new Set(seen).size).toBe(6);
  });

  it("row P1: builds a plain directory, without rubbish, and dates it by SOURCE_DATE_EPOCH where that is set", async () => {
    ground.write({ "plain/setup.py": "", "plain/.venv/bin/x": "", "plain/__pycache__/x.pyc": "", "plain/x.egg-info/PKG-INFO": "", "plain/dist/x-1.0.tar.gz": "", "plain/src/x.py": "" });
    execFileSync("python3", ["-I", "-c", "import os, sys; os.mkfifo(sys.argv[1])", join(ground.directory, "plain/src/pipe")]);
    await using source = await readRevision(ground.with({ SOURCE_DATE_EPOCH: "1000000000" }), join(ground.directory, "plain"), { path: "." }, {});
    expect(source.revision).toEqual({ id: source.treeKey, time: 1_000_000_000, dirty: false });
    expect(readdirSync(await source.checkout()).toSorted()).toEqual(["setup.py", "src"]);
    expect(await source.describe()).toBeUndefined();
    expect(ground.events).toMatchObject([{ type: "warning", problem: { message: "`src/pipe` is neither a file, a link nor a directory, and is left out" } }]);
  });

  it("leaves out what was deployed below it, in a repository and without one", async () => {
    const shop = makeShop();
    const release = { "web/app/.generation": "1", "web/app/journal.jsonl": "", "web/app/versions/1.0/manifest.json": "{}" };
    ground.write(Object.fromEntries(Object.entries(release).map(([path, text]) => [`shop/${path}`, text])));
    await using committed = await readRevision(ground.context, shop, { path: "web" }, {});
    expect(committed.uncommitted).toBe(false);
    await using onDisk = await readRevision(ground.context, shop, { path: "web" }, { onDisk: true });
    expect(readdirSync(await onDisk.checkout()).toSorted()).toEqual(["pyproject.toml", "src"]);
    ground.write({ "plain/setup.py": "", ...Object.fromEntries(Object.entries(release).map(([path, text]) => [`plain/${path}`, text])) });
    await using plain = await readRevision(ground.context, join(ground.directory, "plain"), { path: "." }, {});
    expect(readdirSync(await plain.checkout())).toEqual(["setup.py"]);
  });

  it("leaves out what somebody removes while it is read: programs write beside a file and rename", async () => {
    ground.write({ "plain/a.py": "a\n" });
    const plain = join(ground.directory, "plain");
    const files = ["a.py", "below/gone.py", "gone.py"].map((path) => ({ path, executable: false }));
    expect((await describeDisk(plain, files)).map(([path]) => path)).toEqual(["a.py"]);
    await copyDisk(plain, files, join(ground.directory, "copy"));
    expect(readdirSync(join(ground.directory, "copy"), { recursive: true })).toEqual(["a.py", "below"]);
  });

  it("refuses a package whose files were changed or removed since it got its name, and cares for no other's", async () => {
    const shop = makeShop();
    const file = join(shop, "web/src/web.py");
    for (const change of [() => writeFileSync(file, "two\n"), () => rmSync(file)]) {
      writeFileSync(file, "one\n");
      await using source = await readRevision(ground.context, shop, { path: "web" }, { onDisk: true });
      change();
      await expect(source.checkoutInto(join(ground.directory, "scratch"))).rejects.toMatchObject({ code: "source-changed", message: "`web/src/web.py` was changed while its package was read" });
    }
    await using source = await readRevision(ground.context, shop, { path: "web" }, { onDisk: true });
    ground.write({ "shop/web/later.py": "", "shop/util/util.py": "two\n" });
    const directory = await source.checkout();
    expect([readdirSync(directory).includes("later.py"), readFileSync(join(directory, "../util/util.py"), "utf8")]).toEqual([false, "two\n"]);
  });

  it("leaves out a store that lies below it", async () => {
    const blob = `plain/.store/blobs/sha256/${"0".repeat(64)}`;
    ground.write({ "plain/setup.py": "", [blob]: "x", "plain/.store/refs/actions/x/1": "{}", "plain/.store/tmp/1-x": "" });
    await using source = await readRevision(ground.context, join(ground.directory, "plain"), { path: "." }, {});
    expect(readdirSync(await source.checkout())).toEqual(["setup.py"]);
  });

  it("ends where a submodule was never fetched: there is nothing in it", async () => {
    const shop = makeShop();
    ground.write({ "lib/lib.py": "" });
    ground.gitIn("lib", "init", "-q");
    commit("lib", "first");
    ground.gitIn("shop", "submodule", "--quiet", "add", "../lib", "web/lib");
    commit("shop", "second");
    ground.gitIn("shop", "submodule", "--quiet", "deinit", "--all", "--force");
    await using source = await readRevision(ground.context, shop, { path: "web" }, { onDisk: true });
    expect(readdirSync(await source.checkout()).toSorted()).toEqual(["pyproject.toml", "src"]);
  });

  it("has no revisions in a plain directory", async () => {
    ground.write({ "plain/setup.py": "" });
    await expect(readRevision(ground.context, join(ground.directory, "plain"), { path: "." }, { rev: "1.0" })).rejects.toMatchObject({ code: "revision-unknown" });
  });

  it("says so where there is no such directory", async () => {
    ground.write({ "plain/setup.py": "" });
    await expect(readRevision(ground.context, join(ground.directory, "plain"), { path: "nope" }, {})).rejects.toMatchObject({ code: "package-unknown", message: "there is no directory `nope`" });
  });
});

describe("a repository named by its URL", () => {
  it("row G4: gives any branch, tag or commit, prints the full commit, and fetches again what moved", async () => {
    makeShop();
    const first = ground.gitIn("shop", "rev-parse", "HEAD");
    for (const ref of ["main", "1.0", first, "HEAD"]) {
      await using source = await readRevision(ground.context, ground.directory, { git: url("shop"), ref, path: "web" }, {});
      expect(source.revision).toEqual({ id: first, time: COMMIT_TIME, dirty: false, ref, url: url("shop") });
      expect(readFileSync(join(await source.checkout(), "src/web.py"), "utf8")).toBe("one\n");
    }
    ground.write({ "shop/web/src/web.py": "two\n" });
    const second = commit("shop", "second");
    await using moved = await readRevision(ground.context, ground.directory, { git: url("shop"), ref: "main", path: "web" }, {});
    expect(moved.revision.id).toBe(second);
    await using asked = await readRevision(ground.context, ground.directory, { git: url("shop"), ref: "main", path: "web" }, { rev: "1.0" });
    expect(asked.revision.id).toBe(first);
  });

  it("fetches a repository once for all packages that come from it", async () => {
    makeShop();
    const sources = await readRevisions(ground.context, ground.directory, ["web", "util", "."].map((path) => ({ git: url("shop"), ref: "main", path })), {});
    expect(new Set(sources.map(({ revision }) => revision.id)).size).toBe(1);
    expect(ground.events.filter(({ type }) => type === "started")).toHaveLength(1);
  });

  it("row G4: finds a commit that no branch and no tag leads to", async () => {
    makeShop();
    ground.gitIn("shop", "checkout", "-q", "--detach");
    ground.write({ "shop/web/src/web.py": "lost\n" });
    const lost = commit("shop", "lost");
    ground.gitIn("shop", "checkout", "-q", "main");
    await using source = await readRevision(ground.context, ground.directory, { git: url("shop"), ref: lost, path: "web" }, {});
    expect(readFileSync(join(await source.checkout(), "src/web.py"), "utf8")).toBe("lost\n");
  });

  it("row G4: never takes another repository of the same name for it", async () => {
    makeShop();
    ground.write({ "other/shop/web/src/web.py": "another\n" });
    ground.gitIn("other/shop", "init", "-q");
    const other = commit("other/shop", "first");
    await using one = await readRevision(ground.context, ground.directory, { git: url("shop"), ref: "main" }, {});
    await using two = await readRevision(ground.context, ground.directory, { git: url("other/shop"), ref: "main" }, {});
    expect([one.revision.id === other, two.revision.id]).toEqual([false, other]);
  });

  it("needs no network for a commit that it has, nor when told to use none", async () => {
    makeShop();
    const first = ground.gitIn("shop", "rev-parse", "HEAD");
    await (await readRevision(ground.context, ground.directory, { git: url("shop"), ref: "main" }, {}))[Symbol.asyncDispose]();
    rmSync(join(ground.directory, "shop"), { recursive: true });
    await using known = await readRevision(ground.context, ground.directory, { git: url("shop"), ref: first, path: "web" }, {});
    await using offline = await readRevision(ground.context, ground.directory, { git: url("shop"), ref: "main", path: "web" }, { offline: true });
    expect([known.revision.id, offline.revision.id]).toEqual([first, first]);
    await expect(readRevision(ground.context, ground.directory, { git: url("shop"), ref: "main" }, {})).rejects.toMatchObject({ code: "host-unreachable", message: `cannot fetch \`${url("shop")}\`` });
    await expect(readRevision(ground.context, ground.directory, { git: url("never"), ref: "main" }, { offline: true })).rejects.toMatchObject({ code: "host-unreachable" });
  });

  it("fetches for two at once without harm", async () => {
    makeShop();
    const read = await Promise.all(["main", "1.0", "HEAD", "main"].map((ref) => readRevision(ground.context, ground.directory, { git: url("shop"), ref }, {})));
    expect(new Set(read.map(({ revision }) => revision.id)).size).toBe(1);
  });

  it("never shows a password", async () => {
    const error = (await readRevision(ground.context, ground.directory, { git: "http://ann:secret@127.0.0.1:1/x.git", ref: "main" }, {}).catch((thrown: unknown) => thrown)) as CaissonError;
    expect(error).toMatchObject({ code: "host-unreachable", message: "cannot fetch `http://127.0.0.1:1/x.git`" });
    expect(JSON.stringify([error.problems, (error.cause as Error).message, ground.events])).not.toContain("secret");
  });
});
