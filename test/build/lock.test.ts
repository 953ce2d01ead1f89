import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockKey, lockPackage, relockPackage, type LockAnswer } from "../../src/build/lock/lock.ts";
import type { LockRequest } from "../../src/build/lock/requirements.ts";
import { uvPlatform } from "../../src/build/uv/uv-platform.ts";
import { readRevision } from "../../src/build/source/revision.ts";
import type { Source } from "../../src/build/source/source.ts";
import type { Package, PackageName, Workspace } from "../../src/model/index.ts";
import { platformPreset } from "../../src/python/index.ts";
import type { Platform } from "../../src/model/index.ts";
import { openStore, type Store } from "../../src/store/index.ts";
import type { Context } from "../../src/system/index.ts";
import { makeGround, type Ground } from "./ground.ts";
import { serveIndex, type IndexServer } from "./index-server.ts";
import { realUv } from "./real-uv.ts";
import { makeSdist, makeWheel, type Built } from "./wheelhouse.ts";

const uv = await realUv();
const debian = platformPreset("debian-12") as Platform;
const centos = platformPreset("centos-7") as Platform;

let ground: Ground;
let context: Context;
let server: IndexServer;
let store: Store;
beforeEach(async () => {
  ground = makeGround();
  context = ground.with({ PATH: [dirname(uv?.path ?? "/nowhere"), process.env["PATH"]].join(delimiter), PIP_CONFIG_FILE: "/dev/null", UV_NO_CONFIG: "1" });
  server = await serveIndex([makeWheel("alpha", "1.0", { requires: ["beta>=1"] }), makeWheel("alpha", "2.0", { requires: ["beta>=2", "typing-thing; python_version < '3.0'"] }), makeWheel("beta", "1.0"), makeWheel("beta", "2.0"), makeWheel("gamma", "1.0")]);
  store = await openStore(ground.context, join(ground.directory, "store"));
});
/** Sources of all requests; a checkout goes with its source. */
const opened: Source[] = [];
afterEach(async () => {
  for (const source of opened.splice(0)) await source[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  ground.remove();
});

function project(name: string, dependencies: readonly string[], more = ""): string {
  return `[project]\nname = "${name}"\nversion = "1.0"\ndependencies = ${JSON.stringify(dependencies)}\n${more}`;
}

interface Wish {
  readonly platform?: Platform;
  readonly extras?: readonly string[];
  readonly groups?: readonly string[];
  readonly offline?: boolean;
  readonly package?: string;
  readonly requires?: readonly string[];
  readonly rev?: string;
}

/** A request for a package of the workspace that the files on the ground are; each directory is a package. */
async function request(directories: readonly string[], wish: Wish = {}): Promise<LockRequest> {
  const packages = directories.map((name): Package => ({ name: name as PackageName, written: name, kind: "python", source: { path: name }, needs: [], extras: wish.extras ?? [], ...(wish.groups === undefined ? {} : { groups: wish.groups }), prefix: "", link: "auto", processes: [], start: [], hooks: [] }));
  const workspace: Workspace = { directory: ground.directory, name: "shop" as PackageName, platforms: [], interpreters: {}, packages, targets: [], index: { url: server.url, findLinks: [] } };
  const sources = new Map<string, Source>();
  for (const pkg of packages) sources.set(pkg.name, await readRevision(context, ground.directory, pkg.source, wish.rev === undefined ? {} : { rev: wish.rev }));
  opened.push(...sources.values());
  return {
    workspace,
    package: packages.find(({ name }) => name === (wish.package ?? directories[0])) as Package,
    platform: wish.platform ?? debian,
    source: ({ name }) => sources.get(name),
    requires: () => Promise.resolve(wish.requires ?? []),
    offline: wish.offline === true,
  };
}

function versions({ lock }: LockAnswer): readonly string[] {
  return lock.packages.map(({ name, version }) => `${name} ${version ?? ""}`);
}

/** A context whose programs cannot be found, so that anything that starts one fails. */
function nothingRuns(): Context {
  return { ...context, run: (argv) => Promise.reject(new Error(`started ${argv.join(" ")}`)) };
}

describe.skipIf(uv === undefined)("resolving (needs uv)", () => {
  it("takes the newest versions, once: the second time neither uv nor the index is asked", async () => {
    ground.write({ "web/pyproject.toml": project("web", ["alpha", "gamma ; python_version >= '3'"]) });
    const first = await lockPackage(context, store, await request(["web"]));
    expect([first.origin, versions(first)]).toEqual(["resolved", ["alpha 2.0", "beta 2.0", "gamma 1.0"]]);
    const asked = server.requests.length;
    const second = await lockPackage(nothingRuns(), store, await request(["web"]));
    expect([second.origin, second.digest, server.requests.length]).toEqual(["remembered", first.digest, asked]);
  });

  it("makes the lock's key from what is asked for, without uv, the network or the store", async () => {
    ground.write({ "web/pyproject.toml": project("web", ["alpha"]) });
    const key = await lockKey(nothingRuns(), await request(["web"]));
    ground.write({ "web/README": "changed", "web/pyproject.toml": `${project("web", ["alpha"])}description = "changed"\n` });
    expect(await lockKey(nothingRuns(), await request(["web"]))).toBe(key);
    expect(await lockKey(nothingRuns(), await request(["web"], { platform: centos }))).not.toBe(key);
    ground.write({ "web/pyproject.toml": project("web", ["alpha<2"]) });
    expect(await lockKey(nothingRuns(), await request(["web"]))).not.toBe(key);
    expect(server.requests).toEqual([]);
  });

  it("row W9: takes no package of the workspace from the index, but what it asks for, with its extras", async () => {
    server.files.push(makeWheel("util", "99.0", { requires: ["evil"] }), makeWheel("evil", "1.0"), makeWheel("plugin", "1.0", { requires: ["util"] }));
    ground.write({
      "web/pyproject.toml": project("web", ["Util[mail]>=1", "plugin", "base; sys_platform == 'win32'"]),
      "util/pyproject.toml": project("util", ["beta<2"], '[project.optional-dependencies]\nmail = ["gamma"]\nall = ["util[mail]"]\n'),
      "base/pyproject.toml": project("base", ["alpha"]),
    });
    const { lock } = await lockPackage(context, store, await request(["web", "util", "base"]));
    expect(lock.packages.map(({ name, version }) => `${name} ${version ?? ""}`)).toEqual(["beta 1.0", "gamma 1.0", "plugin 1.0"]);
    expect(server.requests.filter((path) => path.includes("util") || path.includes("evil"))).toEqual([]);
  });

  it("takes the extras that the workspace names, and refuses one that there is not", async () => {
    ground.write({ "web/pyproject.toml": project("web", [], '[project.optional-dependencies]\nfull = ["web[more]"]\nmore = ["gamma"]\n') });
    expect(versions(await lockPackage(context, store, await request(["web"], { extras: ["Full"] })))).toEqual(["gamma 1.0"]);
    await expect(lockPackage(context, store, await request(["web"], { extras: ["nope"] }))).rejects.toMatchObject({ code: "config-invalid", message: "`web` has no extra `nope`", hint: "its extras: full, more" });
  });

  it("goes beyond the committed lock where a word asks for more, and keeps the versions that the lock has", async () => {
    ground.write({ "web/pyproject.toml": project("web", ["alpha<2"]) });
    const committed = await lockPackage(context, store, await request(["web"]));
    ground.write({ "web/pylock.debian-12.toml": committed.text.replace('"beta"\nversion = "2.0"', '"beta"\nversion = "1.0"').replaceAll("beta-2.0", "beta-1.0"), "web/pyproject.toml": project("web", ["alpha"], '[dependency-groups]\ntest = ["gamma"]\n') });
    await expect(lockPackage(context, store, await request(["web"], { groups: ["test"] }))).rejects.toMatchObject({ code: "lock-stale", hint: "caisson lock web --platform debian-12 --group test" });
    const beyond = { ...(await request(["web"], { groups: ["test"] })), beyond: true };
    expect(versions(await lockPackage(context, store, beyond))).toEqual(["alpha 1.0", "beta 1.0", "gamma 1.0"]);
    expect((await lockPackage(nothingRuns(), store, beyond)).origin).toBe("remembered");
    expect((await lockPackage(nothingRuns(), store, { ...(await request(["web"])), beyond: true })).origin).toBe("committed");
  });

  it("takes the dependency groups that the workspace names, of the package alone and as a part of its key, also where its own requirements are computed", async () => {
    const groups = '[dependency-groups]\nProd = ["gamma", { include-group = "obs" }]\nobs = ["beta<2"]\n';
    ground.write({ "web/pyproject.toml": project("web", ["util"], groups), "util/pyproject.toml": project("util", [], '[dependency-groups]\nprod = ["alpha"]\n') });
    const none = await lockKey(nothingRuns(), await request(["web", "util"]));
    expect(versions(await lockPackage(context, store, await request(["web", "util"], { groups: ["prod"] })))).toEqual(["beta 1.0", "gamma 1.0"]);
    expect(await lockKey(nothingRuns(), await request(["web", "util"], { groups: ["prod"] }))).not.toBe(none);
    await expect(lockPackage(context, store, await request(["web", "util"], { groups: ["nope"] }))).rejects.toMatchObject({ code: "config-invalid", message: "`web` has no dependency group `nope`", hint: "its groups: prod, obs", problems: [{ file: "web/pyproject.toml" }] });
    ground.write({ "web/pyproject.toml": `[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n${groups}` });
    expect(versions(await lockPackage(context, store, await request(["web"], { groups: ["obs"], requires: ["gamma"] })))).toEqual(["beta 1.0", "gamma 1.0"]);
  });

  it("asks a wheel for what only a back end knows, and goes on from there", async () => {
    ground.write({ "web/setup.py": "from setuptools import setup; setup()" });
    const wish = { requires: ["alpha<2", 'gamma; extra == "x"'] };
    const first = await lockPackage(context, store, await request(["web"], wish));
    expect(versions(first)).toEqual(["alpha 1.0", "beta 2.0"]);
    ground.write({ "web/web.py": "changed" });
    const second = await lockPackage(nothingRuns(), store, await request(["web"], wish));
    expect([second.origin, second.digest]).toEqual(["remembered", first.digest]);
  });

  it("reads a package that is nothing but a requirements.txt", async () => {
    ground.write({ "web/requirements.txt": "# what we need\nalpha<2  # not yet\ngamma \\\n  ==1.0\n\n" });
    expect(versions(await lockPackage(context, store, await request(["web"])))).toEqual(["alpha 1.0", "beta 2.0", "gamma 1.0"]);
    ground.write({ "web/requirements.txt": "-r more/base.txt\n", "web/more/base.txt": "gamma\n-r extra.txt\n", "web/more/extra.txt": "beta<2\n" });
    expect(versions(await lockPackage(context, store, await request(["web"])))).toEqual(["beta 1.0", "gamma 1.0"]);
    ground.write({ "web/more/extra.txt": "-r base.txt\n" });
    await expect(lockPackage(context, store, await request(["web"]))).rejects.toMatchObject({ message: "`more/base.txt` of `web` includes itself", problems: [{ code: "config-invalid", file: "web/more/extra.txt", line: 1 }] });
    ground.write({ "web/requirements.txt": "alpha\n-c limits/all.txt\n", "web/limits/all.txt": "beta<2  # and nobody asks for gamma\ngamma==1.0\n" });
    expect(versions(await lockPackage(context, store, await request(["web"])))).toEqual(["alpha 1.0", "beta 1.0"]);
    ground.write({ "web/limits/all.txt": "beta<3\n" });
    expect(versions(await lockPackage(context, store, await request(["web"])))).toEqual(["alpha 2.0", "beta 2.0"]);
    ground.write({ "web/requirements.txt": "alpha\n\n-r lost.txt\n" });
    await expect(lockPackage(context, store, await request(["web"]))).rejects.toMatchObject({ message: "`requirements.txt` of `web` includes `lost.txt`, which is not there", problems: [{ file: "web/requirements.txt", line: 3 }] });
    ground.write({ "web/requirements.txt": "alpha \\\n  <2\nbeta is good\n" });
    await expect(lockPackage(context, store, await request(["web"]))).rejects.toMatchObject({ message: "`web` asks for `beta is good`, which is no requirement", problems: [{ file: "web/requirements.txt", line: 3 }] });
    for (const [text, message] of [["--no-binary :all:", "has the option `--no-binary`"], ["-f wheels", "only the workspace may name a directory"], ["alpha\0", "is not written in UTF-8"]] as const) {
      ground.write({ "web/requirements.txt": `${text}\nalpha\n` });
      await expect(lockPackage(context, store, await request(["web"]))).rejects.toMatchObject({ code: "config-invalid", message: expect.stringContaining(message) as string, problems: [{ file: "web/requirements.txt" }] });
    }
  });

  it("row P8: pins a requirement from a repository to its commit, and what that asks for too", async () => {
    ground.write({ "lib/pyproject.toml": project("lib", ["gamma"]), "lib/lib.py": "" });
    ground.gitIn("lib", "init", "-q");
    ground.gitIn("lib", "add", ".");
    ground.gitIn("lib", "commit", "-q", "-m", "first");
    const address = `git+file://${ground.directory.replaceAll(" ", "%20")}/lib@main`;
    ground.write({ "web/pyproject.toml": project("web", [`lib @ ${address}`]) });
    const { lock } = await lockPackage(context, store, await request(["web"]));
    expect(lock.packages.map(({ name, source }) => [name, source?.kind === "vcs" ? source.commitId : undefined])).toEqual([["gamma", undefined], ["lib", ground.gitIn("lib", "rev-parse", "HEAD")]]);
  });

  it("row P8: pins a requirement on a file by its address, with its hash", async () => {
    const { fileName, sha256 } = makeWheel("gamma", "1.0");
    ground.write({ "web/pyproject.toml": project("web", [`gamma @ ${server.url.replace(/simple$/, "files")}/${fileName}`]) });
    const { lock } = await lockPackage(context, store, await request(["web"]));
    expect(lock.packages.map(({ name, archive, files }) => [name, archive, files[0]?.hashes["sha256"]])).toEqual([["gamma", true, sha256]]);
  });

  it("takes an older version that has a wheel for the platform rather than a newer one that must be compiled", async () => {
    server.files.push(makeWheel("native", "1.0", { tag: "cp38-cp38-manylinux2014_x86_64" }), makeWheel("native", "2.0", { tag: "cp38-cp38-manylinux_2_28_x86_64" }), makeSdist("native", "2.0"), makeSdist("source-only", "1.0"), makeSdist("source-only", "1.1"));
    ground.write({ "web/pyproject.toml": project("web", ["native", "source-only"]) });
    expect(versions(await lockPackage(context, store, await request(["web"], { platform: centos })))).toEqual(["native 1.0", "source-only 1.1"]);
    const rocky = platformPreset("rocky-8-py38") as Platform;
    expect(versions(await lockPackage(context, store, await request(["web"], { platform: rocky })))).toEqual(["native 2.0", "source-only 1.1"]);
  });

  it("row P7: says who asks for what where nothing satisfies all, in our words and uv's", async () => {
    ground.write({ "web/pyproject.toml": project("web", ["util", "beta>=2"]), "util/pyproject.toml": project("util", ["alpha<2", "beta<2"]) });
    const error = (await lockPackage(context, store, await request(["web", "util"])).catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({ code: "requirements-broken", message: "no versions were found that satisfy what `web` on debian-12 asks for", hint: "`util` asks for `beta<2`; `web` asks for `beta>=2`" });
    expect((error.cause as Error).message).toContain("beta");
  });

  it("row W4: names a package that the internal index does not have, and the command that brings it", async () => {
    ground.write({ "web/pyproject.toml": project("web", ["nowhere-to-be-found>1"]) });
    await expect(lockPackage(context, store, await request(["web"]))).rejects.toMatchObject({ code: "requirements-broken", message: `\`web\` needs \`nowhere-to-be-found\`, which the index \`${server.url}\` does not have`, hint: "check its spelling, upload it there, or name another index under [index] in caisson.toml" });
  });

  it("says so where the index cannot be reached", async () => {
    ground.write({ "web/pyproject.toml": project("web", ["alpha"]) });
    const wanted = await request(["web"]);
    await expect(lockPackage(ground.with({ ...context.env, UV_HTTP_RETRIES: "0" }), store, { ...wanted, workspace: { ...wanted.workspace, index: { url: "http://127.0.0.1:1/simple", findLinks: [] } } })).rejects.toMatchObject({ code: "index-unreachable", message: "cannot reach `127.0.0.1:1`" });
  });

  it("row P15: says offline that nothing is locked", async () => {
    ground.write({ "web/pyproject.toml": project("web", ["alpha"]) });
    await expect(lockPackage(context, store, await request(["web"], { offline: true }))).rejects.toMatchObject({ code: "lock-missing", message: "nothing is locked for `web` on debian-12, and the network is not to be used" });
    expect(server.requests).toEqual([]);
  });

  it("resolves again when asked to, and then keeps the newer answer", async () => {
    ground.write({ "web/pyproject.toml": project("web", ["gamma"]) });
    await lockPackage(context, store, await request(["web"]));
    server.files.push(makeWheel("gamma", "1.1"));
    expect(versions(await lockPackage(context, store, await request(["web"])))).toEqual(["gamma 1.0"]);
    const { text } = await lockPackage(context, store, await request(["web"]));
    expect(versions(await relockPackage(context, store, await request(["web"]), text))).toEqual(["gamma 1.0"]);
    expect(versions(await relockPackage(context, store, await request(["web"])))).toEqual(["gamma 1.1"]);
    expect(versions(await lockPackage(context, store, await request(["web"])))).toEqual(["gamma 1.1"]);
  });

  it("writes neither a password nor a time of day into the lock", async () => {
    await server[Symbol.asyncDispose]();
    server = await serveIndex([makeWheel("gamma", "1.0")], { login: "ann:secret" });
    ground.write({ "web/pyproject.toml": project("web", ["gamma"]) });
    const wanted = await request(["web"]);
    const { text } = await relockPackage(context, store, { ...wanted, workspace: { ...wanted.workspace, index: { url: server.url.replace("://", "://ann:secret@"), findLinks: [] } } });
    expect(text).not.toContain("secret");
    expect(text).toContain('created-by = "caisson"');
  });
});

function locked(name: string, version: string): string {
  return `[[packages]]\nname = "${name}"\nversion = "${version}"\nwheels = [{ name = "${name}-${version}-py3-none-any.whl", path = "wheels/${name}-${version}-py3-none-any.whl", hashes = { sha256 = "${"0".repeat(64)}" } }]\n`;
}

type Pinned = Pick<Built, "fileName" | "sha256">;

function file(fileName: string): Pinned {
  return server.files.find((built) => built.fileName.startsWith(fileName)) ?? { fileName, sha256: "0".repeat(64) };
}

function hashed(...built: readonly Pinned[]): string {
  return built.map(({ fileName, sha256 }) => `${fileName.split("-").slice(0, 2).join("==")} \\\n    --hash=sha256:${sha256}\n`).join("");
}

it.skipIf(uv === undefined)("takes from the index what a directory of requirements is called after, since the directory is no distribution", async () => {
  ground.write({ "alpha/requirements.txt": "alpha\n" });
  expect(versions(await lockPackage(context, store, await request(["alpha"])))).toEqual(["alpha 2.0", "beta 2.0"]);
});

/** What is locked for `web` in a workspace that names that index, or none. */
async function lockedBy(url?: string): Promise<readonly string[]> {
  const { workspace, ...rest } = await request(["web"]);
  return versions(await lockPackage(context, store, { ...rest, workspace: { ...workspace, index: { findLinks: [], ...(url === undefined ? {} : { url }) } } }));
}

it.skipIf(uv === undefined)("asks the index that a requirements.txt names, unless the workspace names one; and reads it whatever editor wrote it", async () => {
  const written = (index: string): void => ground.write({ "web/requirements.txt": `\uFEFF--index-url ${index}\r\n--extra-index-url=${server.url}\r\nalpha \\\r\n  <2 ; python_version > "3"\r\n` });
  written(server.url);
  expect(await lockedBy()).toEqual(["alpha 1.0", "beta 2.0"]);
  written("http://127.0.0.1:9/simple");
  expect(await lockedBy(server.url)).toEqual(["alpha 1.0", "beta 2.0"]);
});

it.skipIf(uv === undefined)("heeds what uv is told of versions, whoever asks for them", async () => {
  ground.write({ "web/pyproject.toml": project("web", ["alpha"], '[tool.uv]\nconstraint-dependencies = ["alpha<2"]\noverride-dependencies = ["beta==1.0"]\n') });
  const key = await lockKey(context, await request(["web"]));
  expect(versions(await lockPackage(context, store, await request(["web"])))).toEqual(["alpha 1.0", "beta 1.0"]);
  ground.write({ "web/pyproject.toml": project("web", ["alpha"], '[tool.uv]\nconstraint-dependencies = ["alpha<2"]\n') });
  expect(await lockKey(context, await request(["web"]))).not.toBe(key);
});

describe("a requirements.txt with hashes", () => {
  it("is followed to the version and to the file, and asked for once", async () => {
    ground.write({ "web/pyproject.toml": project("web", ["alpha"]), "web/requirements.txt": `# by hand\n${hashed(file("alpha-1.0"), file("beta-1.0"))}gone==1 ; python_version < "3" --hash=sha256:${"1".repeat(64)}\n` });
    const first = await lockPackage(context, store, await request(["web"]));
    expect([first.origin, versions(first)]).toEqual(["resolved", ["alpha 1.0", "beta 1.0"]]);
    expect((await lockPackage(nothingRuns(), store, await request(["web"]))).origin).toBe("remembered");
    ground.write({ "web/requirements.txt": `--index-url ${server.url}\n${hashed(file("alpha-1.0"))}-r more.txt\n`, "web/more.txt": hashed(file("beta-2.0")) });
    expect(versions(await lockPackage(context, store, await request(["web"])))).toEqual(["alpha 1.0", "beta 2.0"]);
  });

  it.each([
    ["a file with another hash", () => hashed(file("alpha-1.0"), { fileName: "beta-1.0", sha256: "0".repeat(64) }), { code: "wheel-unfit", message: "the index has no file of `beta` 1.0 with a hash that `web/requirements.txt` names" }],
    ["a distribution that is not pinned", () => hashed(file("alpha-1.0")), { code: "lock-stale", message: "`web/requirements.txt` has hashes, and lacks `beta`, which something in it needs" }],
    ["a line without a hash", () => `${hashed(file("alpha-1.0"))}beta==1.0\n`, { code: "config-invalid", line: 3, message: "`beta==1.0` has no SHA-256, and other lines of `web/requirements.txt` have" }],
    ["a version that is not exact", () => hashed(file("alpha-1.0")).replace("==", ">="), { code: "config-invalid", line: 1, message: "`alpha>=1.0` names no exact version" }],
    ["what is asked for and not pinned", () => hashed(file("beta-1.0")), { code: "lock-stale", message: "`web/requirements.txt` has hashes, and nothing in it satisfies `alpha<2`, which `web` asks for" }],
  ])("is refused with %s", async (_, text, { line, ...problem }: { readonly code: string; readonly message: string; readonly line?: number }) => {
    ground.write({ "web/pyproject.toml": project("web", ["alpha<2"]), "web/requirements.txt": text() });
    await expect(lockPackage(context, store, await request(["web"]))).rejects.toMatchObject({ problems: [{ ...problem, file: "web/requirements.txt", ...(line === undefined ? {} : { line }) }] });
  });
});

describe("a lock of uv's own", () => {
  it.skipIf(uv === undefined)("is taken from the top of the workspace, asks nobody, and is refused once it lacks what is asked for", async () => {
    ground.write({ "pyproject.toml": '[tool.uv.workspace]\nmembers = ["web", "util"]\n[tool.uv.sources]\nutil = { workspace = true }\n' });
    ground.write({ "util/pyproject.toml": project("util", ["beta"]) });
    ground.write({ "web/pyproject.toml": project("web", ["alpha<2", "util"], '[tool.uv.sources]\nutil = { workspace = true }\n') });
    await promisify(execFile)(uv?.path ?? "", ["lock", "--quiet", "--default-index", server.url, "--cache-dir", join(ground.directory, "uv-cache")], { cwd: ground.directory });
    const answer = await lockPackage(nothingRuns(), store, await request(["web", "util"]));
    expect([answer.origin, answer.lock.file, versions(answer)]).toEqual(["committed", "uv.lock", ["alpha 1.0", "beta 2.0", "util 1.0"]]);
    ground.write({ "web/pyproject.toml": project("web", ["alpha>=2", "util"]) });
    await expect(lockPackage(nothingRuns(), store, await request(["web", "util"]))).rejects.toMatchObject({ code: "lock-stale", hint: "uv lock" });
  });
});

describe("a committed lock", () => {
  const head = 'lock-version = "1.0"\ncreated-by = "test"\n';

  it("is used as it stands, the platform's before the general one, and nothing runs", async () => {
    ground.write({ "web/pyproject.toml": project("web", ["alpha>=1"]), "web/pylock.toml": `${head}${locked("alpha", "1.0")}`, "web/pylock.debian-12.toml": `${head}${locked("alpha", "2.0")}`, "web/wheels/x": "" });
    const answer = await lockPackage(nothingRuns(), store, await request(["web"]));
    expect([answer.origin, versions(answer), answer.lock.file]).toEqual(["committed", ["alpha 2.0"], "web/pylock.debian-12.toml"]);
    expect(versions(await lockPackage(nothingRuns(), store, await request(["web"], { platform: centos })))).toEqual(["alpha 1.0"]);
    expect(readFileSync(join(await answer.directory(), "pylock.toml"), "utf8")).toContain("alpha");
  });

  it("row P1: is read at the revision, not on disk", async () => {
    ground.write({ "web/pyproject.toml": project("web", ["alpha"]), "web/pylock.toml": `${head}${locked("alpha", "1.0")}` });
    ground.git("init", "-q");
    ground.git("add", "web");
    ground.git("commit", "-q", "-m", "first");
    ground.write({ "web/pylock.toml": `${head}${locked("alpha", "2.0")}`, "web/pylock.debian-12.toml": `${head}${locked("alpha", "3.0")}` });
    expect(versions(await lockPackage(context, store, await request(["web"], { rev: "HEAD" })))).toEqual(["alpha 1.0"]);
  });

  it.each([
    ["lacks a dependency", "beta", "it lacks `beta`, and `web` asks for `beta`"],
    ["holds another version than asked for", "alpha>=2", "it has `alpha` 1.0, and `web` asks for `alpha>=2`"],
  ])("is stale when it %s", async (_, dependency, why) => {
    ground.write({ "web/pyproject.toml": project("web", [dependency]), "web/pylock.toml": `${head}${locked("alpha", "1.0")}` });
    await expect(lockPackage(nothingRuns(), store, await request(["web"]))).rejects.toMatchObject({ code: "lock-stale", message: `\`web/pylock.toml\` is older than the dependencies of \`web\`: ${why}`, hint: "caisson lock web --platform debian-12" });
  });

  it("wheels P1: is refused where there is no word between the dots of its name", async () => {
    ground.write({ "web/pyproject.toml": project("web", []), "web/pylock..toml": `${head}packages = []\n` });
    await expect(lockPackage(nothingRuns(), store, await request(["web"]))).rejects.toMatchObject({ problems: [{ code: "config-invalid", file: "web/pylock..toml", message: expect.stringContaining("it is named `pylock..toml`") }] });
  });

  it("is not stale for what another platform needs", async () => {
    ground.write({ "web/pyproject.toml": project("web", ["alpha", "beta; sys_platform == 'win32'"]), "web/pylock.toml": `${head}${locked("alpha", "1.0")}` });
    expect((await lockPackage(nothingRuns(), store, await request(["web"]))).origin).toBe("committed");
  });
});

it("says which package does not want the platform's Python", async () => {
  ground.write({ "web/pyproject.toml": project("web", [], 'requires-python = ">=3.12"\n') });
  await expect(lockPackage(nothingRuns(), store, await request(["web"]))).rejects.toMatchObject({ code: "wheel-unfit", message: "`web` needs Python >=3.12, and debian-12 has 3.11.2" });
});

it("needs nobody where there is nothing to lock", async () => {
  ground.write({ "web/pyproject.toml": project("web", []) });
  expect(versions(await lockPackage({ ...nothingRuns(), env: { ...context.env, PATH: "/nowhere" } }, store, await request(["web"])))).toEqual([]);
});

it("asks uv by the nearest lower glibc that it has a name for", () => {
  const names = ["centos-7", "debian-8", "debian-12", "debian-12-arm64", "debian-13", "rocky-9", "alpine-320"].map((label) => uvPlatform(platformPreset(label) as Platform));
  expect(names).toEqual(["x86_64-manylinux_2_17", "x86_64-manylinux_2_17", "x86_64-manylinux_2_36", "aarch64-manylinux_2_36", "x86_64-manylinux_2_40", "x86_64-manylinux_2_34", "x86_64-unknown-linux-musl"]);
});
