import { expect, it } from "vitest";
import { parseTarget, readWorkspace } from "../../src/config/index.ts";
import { isAddress, rootTrouble, type Target } from "../../src/model/index.ts";
import { writeFiles } from "./write-files.ts";

const production: Target = { name: "production", hosts: [], roles: {}, service: { kind: "none" }, policy: { canary: 1, maxParallel: 1, maxFailed: 0, minHealthy: 5, healthyDeadline: 60 }, keep: 5 };

it("takes local:DIR from the directory where it is typed, and a target of the file by its name", () => {
  expect(parseTarget("local:app", { targets: [] }, "/home/me/hello")).toMatchObject({ name: "local:app", hosts: [{ name: "local", via: "local", address: "", root: "/home/me/hello/app" }], service: { kind: "none" } });
  expect(parseTarget("local:/srv/a b", { targets: [] }, "/x").hosts[0]?.root).toBe("/srv/a b");
  expect(parseTarget("production", { targets: [production] }, "/x")).toBe(production);
});

it.each([
  ["local:~/app", [], "`local:~/app` begins with `~`, which no shell reads behind `local:`", "local:$HOME/app, or local:./~ for a directory of that name"],
  ["nowhere", [production], "there is no target `nowhere`", "targets in caisson.toml: production; or use user@host:/root, local:/dir"],
  ["prodution", [production], "there is no target `prodution`", "did you mean `production`? targets in caisson.toml: production; or use user@host:/root, local:/dir"],
  ["nowhere", [], "there is no target `nowhere`", "use user@host:/root, local:/dir"],
  ["local:", [], "there is no target `local:`", "use user@host:/root, local:/dir"],
  ["deploy@app1", [], "`deploy@app1` is not a host and a directory of it", "use user@host:/root, local:/dir"],
  ["deploy@app1:srv", [], "`deploy@app1:srv` is not a host and a directory of it", "use user@host:/root, local:/dir"],
  ["ssh://deploy@app1:2222", [], "`ssh://deploy@app1:2222` is not a host and a directory of it", "use user@host:/root, local:/dir"],
  ["deploy@app1:/", [], "the directory of `deploy@app1:/` is the host's top directory", "use user@host:/root"],
  ["deploy@app1:/srv/../etc", [], "the directory of `deploy@app1:/srv/../etc` leads upwards", "use user@host:/root"],
])("story S4: says of %s what there is instead", (word, targets, message, hint) => {
  expect(() => parseTarget(word, { targets }, "/x")).toThrow(expect.objectContaining({ code: "target-unknown", message, hint }) as Error);
});

it.each([
  ["deploy@app1.example.com:/srv/shop", { name: "app1.example.com", address: "deploy@app1.example.com", root: "/srv/shop" }],
  ["app1:/srv/a b/", { name: "app1", address: "app1", root: "/srv/a b" }],
  ["ssh://deploy@app1:2222/srv/shop", { name: "app1", address: "ssh://deploy@app1:2222", root: "/srv/shop" }],
  ["ssh://app1/srv//shop", { name: "app1", address: "app1", root: "/srv/shop" }],
  ["deploy@[::1]:/srv/shop", { name: "::1", address: "deploy@::1", root: "/srv/shop" }],
  ["ssh://deploy@[::1]:2222/srv", { name: "::1", address: "ssh://deploy@[::1]:2222", root: "/srv" }],
])("takes %s as one host over ssh", (word, host) => {
  expect(parseTarget(word, { targets: [] }, "/x")).toEqual({ ...production, name: word, hosts: [{ via: "ssh", ...host }] });
});

const hostile = ["-oProxyCommand=touch x", "-oProxyCommand=x@h1", "deploy@-oProxyCommand=x", "deploy@h1;reboot", "deploy@h1$(id)", "deploy@`id`", "deploy@h1\nHost *", "h1 h2", "ssh://-oProxyCommand=x", "ssh://h1:0", "ssh://h1:99999", "h1|id", "../h1", "%h", "deploy@h1&", "de'ploy@h1", "~root@h1", "h1\0"];

it.each(hostile)("fault 47: %j is no host, in no place", async (word) => {
  expect(() => parseTarget(`${word}:/srv`, { targets: [] }, "/x")).toThrow(expect.objectContaining({ code: "target-unknown" }) as Error);
  expect(isAddress(word)).toBe(false);
  await using place = await writeFiles({ "caisson.toml": `[targets.t]\nroot = "/a"\nhosts = ["h1", ${JSON.stringify(word)}]\n`, "pyproject.toml": "[project]\nname = 'a'\n" });
  await expect(readWorkspace(place.ctx, ".")).rejects.toMatchObject({ problems: [{ code: "config-invalid" }] });
});

it.each(["/srv/$(id)", "/srv/a\nb", "/srv/a'b", "/srv/a\\b", "/srv/a;b", "srv", "/srv/!!", "/srv/*"])("fault 47: %j is no root on another machine", (root) => {
  expect(rootTrouble(root)).toBeDefined();
});

it("reads hosts that are reached over ssh: those of one name by their whole words, and a directory of their own where one is written", async () => {
  await using place = await writeFiles({ "caisson.toml": "[targets.t]\nroot = '/srv/a'\nhosts = ['deploy@h1', 'admin@h2', 'deploy@h2:/srv/b', 'ssh://h3:2222', 'local:c']\nroles.web = { hosts = ['admin@h2'], packages = ['a'] }\n", "pyproject.toml": "[project]\nname = 'a'\n" });
  const { targets } = await readWorkspace(place.ctx, ".");
  expect(targets[0]?.hosts).toEqual([
    { name: "h1", via: "ssh", address: "deploy@h1", root: "/srv/a" },
    { name: "admin@h2", via: "ssh", address: "admin@h2", root: "/srv/a" },
    { name: "deploy@h2:/srv/b", via: "ssh", address: "deploy@h2", root: "/srv/b" },
    { name: "h3", via: "ssh", address: "ssh://h3:2222", root: "/srv/a" },
    { name: "local:c", via: "local", address: "", root: `${place.directory}/c` },
  ]);
  expect(targets[0]?.hosts.filter(({ via }) => via === "ssh").every(({ address }) => isAddress(address))).toBe(true);
  expect(targets[0]?.roles["web"]?.hosts).toEqual(["admin@h2"]);
});

it("gives a target without hosts its root on this machine, and everything a default", async () => {
  await using place = await writeFiles({ "caisson.toml": "[targets.here]\nroot = 'srv'\n", "pyproject.toml": "[project]\nname = 'a'\n" });
  const { targets } = await readWorkspace(place.ctx, ".");
  expect(targets).toEqual([{ ...production, name: "here", hosts: [{ name: "local", via: "local", address: "", root: `${place.directory}/srv` }] }]);
});

it.each([
  ["hosts = ['local']", "`root` is missing"],
  ["root = '/a'\nhosts = []", "there is no host in `hosts`"],
  ["root = '/a'\nhosts = ['local', 'local:/a']", "`local:/a` is there twice"],
  ["root = '/a'\nhosts = ['h1', 'h1']", "`h1` is there twice"],
  ["hosts = ['h1']", "`root` is missing"],
  ["root = 'a'\nhosts = ['h1']", "`a` is not absolute"],
  ["root = '/a'\nhosts = ['local:']", "`local:` names no directory"],
  ["root = '/a'\nplatform = 'centos-7'", "this workspace does not build for `centos-7`"],
  ["root = '/a'\nservice = 'command'", "a target with service `command` has a `restart`"],
  ["root = '/a'\nrestart = 'x'", "`restart` means nothing without service = \"command\""],
  ["root = '/a'\nservice = 'systemd'", "a target with service `systemd` has a `user`, who runs its processes"],
  ["root = '/a'\nservice = 'systemd-user'\nuser = 'shop'", "`user` means nothing with service = \"systemd-user\", whose processes run as who deploys"],
  ["root = '/a'\nservice = 'systemd'\nuser = 'shop'\nrestart = 'x'", "`restart` means nothing without service = \"command\""],
  ["root = '/a'\nroles.web = { hosts = ['h1'], packages = ['a'] }", "`h1` is not among the target's hosts"],
  ["root = '/a'\nroles.web = { hosts = ['local'], packages = ['b'] }", "there is no package `b`"],
  ["root = '/a'\nrollout = { max_parallel = '0%' }", "targets.t.rollout.max_parallel is `0%`"],
  ["root = '/a'\nrollout = { min_healthy = '1 minute' }", "targets.t.rollout.min_healthy is `1 minute`"],
  ["root = '/a'\nuser = '../shop'", "targets.t.user is `../shop`"],
])("refuses a target with %j", async (toml, message) => {
  await using place = await writeFiles({ "caisson.toml": `[workspace]\nplatforms = ["debian-12"]\n[targets.t]\n${toml}\n`, "pyproject.toml": "[project]\nname = 'a'\n" });
  await expect(readWorkspace(place.ctx, ".")).rejects.toMatchObject({ problems: [{ code: "config-invalid", message, file: "caisson.toml" }] });
});
