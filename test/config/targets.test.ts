import { expect, it } from "vitest";
import { parseTarget, readWorkspace } from "../../src/config/index.ts";
import type { Target } from "../../src/model/index.ts";
import { writeFiles } from "./write-files.ts";

const production: Target = { name: "production", hosts: [], roles: {}, service: { kind: "none" }, policy: { canary: 1, maxParallel: 1, maxFailed: 0, minHealthy: 5, healthyDeadline: 60 }, keep: 5 };

it("takes local:DIR from the directory where it is typed, and a target of the file by its name", () => {
  expect(parseTarget("local:app", { targets: [] }, "/home/me/hello")).toMatchObject({ name: "local:app", hosts: [{ name: "local", via: "local", address: "", root: "/home/me/hello/app" }], service: { kind: "none" } });
  expect(parseTarget("local:/srv/a b", { targets: [] }, "/x").hosts[0]?.root).toBe("/srv/a b");
  expect(parseTarget("production", { targets: [production] }, "/x")).toBe(production);
});

it.each([
  ["local:~/app", [], "`local:~/app` begins with `~`, which no shell reads behind `local:`", "local:$HOME/app, or local:./~ for a directory of that name"],
  ["nowhere", [production], "there is no target `nowhere`", "targets in caisson.toml: production; or use local:/dir"],
  ["prodution", [production], "there is no target `prodution`", "did you mean `production`? targets in caisson.toml: production; or use local:/dir"],
  ["nowhere", [], "there is no target `nowhere`", "use local:/dir"],
  ["local:", [], "there is no target `local:`", "use local:/dir"],
  ["deploy@app1:/srv/shop", [], "`deploy@app1:/srv/shop` is another machine, and this version deploys to this machine only", "use local:/dir"],
  ["app1.example.com:/srv", [], "`app1.example.com:/srv` is another machine, and this version deploys to this machine only", "use local:/dir"],
])("story S4: says of %s what there is instead", (word, targets, message, hint) => {
  expect(() => parseTarget(word, { targets }, "/x")).toThrow(expect.objectContaining({ code: "target-unknown", message, hint }) as Error);
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
  ["root = '/a'\nplatform = 'centos-7'", "this workspace does not build for `centos-7`"],
  ["root = '/a'\nservice = 'command'", "a target with service `command` has a `restart`"],
  ["root = '/a'\nrestart = 'x'", "`restart` means nothing without service = \"command\""],
  ["root = '/a'\nservice = 'systemd'", "targets.t.service is `systemd`"],
  ["root = '/a'\nroles.web = { hosts = ['h1'], packages = ['a'] }", "`h1` is not among the target's hosts"],
  ["root = '/a'\nroles.web = { hosts = ['local'], packages = ['b'] }", "there is no package `b`"],
  ["root = '/a'\nrollout = { max_parallel = '0%' }", "targets.t.rollout.max_parallel is `0%`"],
  ["root = '/a'\nrollout = { min_healthy = '1 minute' }", "targets.t.rollout.min_healthy is `1 minute`"],
  ["root = '/a'\nuser = 'shop'", "unknown key `targets.t.user`"],
])("refuses a target with %j", async (toml, message) => {
  await using place = await writeFiles({ "caisson.toml": `[workspace]\nplatforms = ["debian-12"]\n[targets.t]\n${toml}\n`, "pyproject.toml": "[project]\nname = 'a'\n" });
  await expect(readWorkspace(place.ctx, ".")).rejects.toMatchObject({ problems: [{ code: "config-invalid", message, file: "caisson.toml" }] });
});
