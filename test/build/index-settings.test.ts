import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { indexSettings, uvEnvironment, type PackageIndex } from "../../src/build/fetch/index-settings.ts";
import { findLogin } from "../../src/build/fetch/netrc.ts";
import { makeGround, type Ground } from "./ground.ts";

let ground: Ground;
beforeEach(() => {
  ground = makeGround();
});
afterEach(() => ground.remove());

/** The machine's own /etc/pip.conf may name certificates, never an index in these tests. */
async function settings(env: Readonly<Record<string, string>> = {}, own: { readonly url?: string; readonly findLinks?: readonly string[] } = {}): Promise<PackageIndex> {
  return await indexSettings(ground.with(env), { findLinks: [], ...own });
}

it("takes the workspace's index before uv's, uv's before pip's, and the public one last", async () => {
  const pip = { PIP_INDEX_URL: "http://pip/simple" };
  const uv = { ...pip, UV_DEFAULT_INDEX: "http://uv/simple" };
  expect(await settings()).toMatchObject({ url: "https://pypi.org/simple", from: "the default" });
  expect(await settings(pip)).toMatchObject({ url: "http://pip/simple", from: "pip's settings" });
  expect(await settings({ ...pip, UV_INDEX_URL: "http://old-uv/simple" })).toMatchObject({ url: "http://old-uv/simple" });
  expect(await settings(uv)).toMatchObject({ url: "http://uv/simple", from: "uv's settings" });
  expect(await settings(uv, { url: "http://own/simple" })).toMatchObject({ url: "http://own/simple", from: "caisson.toml" });
});

it("takes further indexes only from whoever named the index, so that no name of an internal one is looked up elsewhere", async () => {
  const env = { PIP_INDEX_URL: "http://pip/simple", PIP_EXTRA_INDEX_URL: "http://a/simple http://b/simple", UV_INDEX: "http://c/simple" };
  expect((await settings(env)).extra).toEqual(["http://a/simple", "http://b/simple"]);
  expect((await settings({ ...env, UV_DEFAULT_INDEX: "http://uv/simple" })).extra).toEqual(["http://c/simple"]);
  expect((await settings(env, { url: "http://own/simple" })).extra).toEqual([]);
});

it("reads pip's files: the user's beats the old place's, a command's section beats [global], the environment beats all", async () => {
  ground.write({
    ".home/.pip/pip.conf": "[global]\nindex-url = http://old/simple\ntrusted-host = legacy.example.com\n",
    ".home/.config/pip/pip.conf": "# mine\n[global]\nindex_url: http://user/simple\nextra-index-url =\n    http://one/simple\n    http://two/simple\n; no more\n",
  });
  expect(await settings()).toMatchObject({ url: "http://user/simple", extra: ["http://one/simple", "http://two/simple"], insecureHosts: ["legacy.example.com"] });
  ground.write({ "own.conf": "[install]\nindex-url = http://install/simple\n[global]\nno-index = yes\n" });
  expect(await settings({ PIP_CONFIG_FILE: join(ground.directory, "own.conf") })).toMatchObject({ url: "http://install/simple", disabled: true });
  expect(await settings({ PIP_INDEX_URL: "http://environment/simple" })).toMatchObject({ url: "http://environment/simple" });
  expect(await settings({ PIP_CONFIG_FILE: "/dev/null" })).toMatchObject({ url: "https://pypi.org/simple", extra: [] });
});

it("reads uv's file, as uv of this directory would not", async () => {
  ground.write({ ".home/.config/uv/uv.toml": '[[index]]\nurl = "http://more/simple"\n[[index]]\nurl = "http://uv-file/simple"\ndefault = true\n' });
  expect(await settings({ PIP_INDEX_URL: "http://pip/simple" })).toMatchObject({ url: "http://uv-file/simple", extra: ["http://more/simple"] });
});

it("gives an index of uv's the user and password of its variables", async () => {
  expect(await settings({ UV_DEFAULT_INDEX: "team-one=https://h/simple", UV_INDEX_TEAM_ONE_USERNAME: "ann", UV_INDEX_TEAM_ONE_PASSWORD: "s@c" })).toMatchObject({ url: "https://ann:s%40c@h/simple" });
});

it("gathers directories of files from everywhere, each once, if they exist", async () => {
  ground.write({ "wheels/x": "", "more, wheels/x": "" });
  const wheels = join(ground.directory, "wheels");
  const found = await settings({ PIP_FIND_LINKS: `${wheels} https://h/links /nowhere/at-all`, UV_FIND_LINKS: "wheels" }, { findLinks: [join(ground.directory, "more, wheels")] });
  expect(found.findLinks).toEqual([join(ground.directory, "more, wheels"), wheels, "https://h/links"]);
});

it("gives uv a fixed surrounding: nothing of the user's settings but the way out", async () => {
  ground.write({ "more, wheels/x": "", "ca.pem": "" });
  const context = ground.with({ UV_RESOLUTION: "lowest", UV_PRERELEASE: "allow", VIRTUAL_ENV: "/x", HTTPS_PROXY: "http://proxy:3128", no_proxy: "localhost", SSL_CERT_FILE: join(ground.directory, "ca.pem"), PIP_CERT: "/other.pem" });
  const environment = uvEnvironment(context, await indexSettings(context, { url: "http://own/simple", findLinks: [join(ground.directory, "more, wheels")] }));
  expect(environment).toEqual({
    HTTPS_PROXY: "http://proxy:3128",
    no_proxy: "localhost",
    NETRC: join(ground.directory, ".home/.netrc"),
    SSL_CERT_FILE: join(ground.directory, "ca.pem"),
    UV_DEFAULT_INDEX: "http://own/simple",
    UV_FIND_LINKS: `file://${ground.directory.replaceAll(" ", "%20")}/more%2C%20wheels`,
    UV_CACHE_DIR: join(ground.directory, ".home/cache/caisson/uv"),
    UV_PYTHON_DOWNLOADS: "never",
    UV_NO_CONFIG: "1",
    UV_NO_PROGRESS: "1",
    UV_NO_ENV_FILE: "1",
  });
});

it("finds a login in a netrc file: the host's own, else the default", () => {
  const text = '# mine\nmachine a.example.com login ann password "p w"\nmachine b.example.com\n\tlogin bob\n\tpassword secret # not a comment\ndefault login anonymous password guest\n';
  expect(findLogin(text, "a.example.com")).toEqual({ login: "ann", password: "p w" });
  expect(findLogin(text, "b.example.com")).toEqual({ login: "bob", password: "secret" });
  expect(findLogin(text, "c.example.com")).toEqual({ login: "anonymous", password: "guest" });
  expect(findLogin("machine a login x", "b")).toBeUndefined();
});
