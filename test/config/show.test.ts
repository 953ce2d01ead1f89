import { expect, it } from "vitest";
import { printConfigReference, showConfig } from "../../src/config/index.ts";
import { writeFiles } from "./write-files.ts";

const pyproject = '[project]\nname = "shop"\nversion = "1.0"\n';

/** `key = value (origin:line)` for each setting. */
async function show(files: Readonly<Record<string, string>>, env: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  await using place = await writeFiles(files);
  return (await showConfig({ ...place.ctx, env }, ".")).map(({ key, value, origin, line }) => `${key} = ${JSON.stringify(value)} (${origin}${line === undefined ? "" : `:${line}`})`);
}

it("names file and line of what is written, and shows the defaults of the rest", async () => {
  const toml = '[workspace]\nplatforms = ["debian-12"]\n[packages.shop]\nprocesses.web = "shop serve"\nhealth = { command = "shop check" }\n[targets.here]\nroot = "srv"\nrollout.canary = 2\n';
  expect(await show({ "caisson.toml": toml, "pyproject.toml": pyproject })).toEqual([
    'workspace.name = "shop" (default: the package\'s name)',
    'workspace.platforms = ["debian-12"] (caisson.toml:2)',
    'workspace.compiler = "host" (default)',
    'packages.shop.kind = "python" (default)',
    'packages.shop.path = "." (default)',
    'packages.shop.link = "auto" (default)',
    'packages.shop.processes.web = "shop serve" (caisson.toml:4)',
    'packages.shop.health.command = "shop check" (caisson.toml:5)',
    "index.url = null (default: uv's and pip's own settings)",
    'targets.here.root = "srv" (caisson.toml:7)',
    'targets.here.hosts = ["local"] (default)',
    'targets.here.service = "none" (default)',
    "targets.here.rollout.canary = 2 (caisson.toml:8)",
    'targets.here.rollout.max_parallel = "25%" (default)',
    "targets.here.rollout.max_failed = 0 (default)",
    'targets.here.rollout.min_healthy = "5s" (default)',
    'targets.here.rollout.healthy_deadline = "60s" (default)',
    "targets.here.keep = 5 (default)",
  ]);
});

it("names the file that a package was found by where nothing is written, and what the environment says", async () => {
  expect(await show({ "pyproject.toml": pyproject }, { CAISSON_PLATFORM: "centos-7", HOME: "/root", SYSBASE: "debian-9", WHEEL_DIR: "" })).toEqual([
    'workspace.name = "shop" (default: the package\'s name)',
    "workspace.platforms = null (default: this machine's own)",
    'workspace.compiler = "host" (default)',
    "index.url = null (default: uv's and pip's own settings)",
    'packages.shop.path = "." (pyproject.toml)',
    'CAISSON_PLATFORM = "centos-7" (environment)',
    'SYSBASE = "debian-9" (environment)',
  ]);
});

it("shows the same defaults that are taken", async () => {
  await using place = await writeFiles({ "caisson.toml": '[packages.shop]\n[targets.t]\nroot = "/srv"\n', "pyproject.toml": pyproject });
  const shown = Object.fromEntries((await showConfig(place.ctx, ".")).filter(({ origin }) => origin === "default").map(({ key, value }) => [key, value]));
  const written = Object.entries(shown).map(([key, value]) => `${key} = ${JSON.stringify(value)}`).join("\n");
  await using other = await writeFiles({ "caisson.toml": `${written}\ntargets.t.root = "/srv"\n`, "pyproject.toml": pyproject });
  const { readWorkspace } = await import("../../src/config/index.ts");
  const [bare, spelled] = [await readWorkspace(place.ctx, "."), await readWorkspace(other.ctx, ".")];
  expect({ ...spelled, directory: "" }).toEqual({ ...bare, directory: "" });
  expect(Object.keys(shown).length).toBeGreaterThan(8);
});

it("prints a reference with every table", () => {
  const page = printConfigReference();
  expect([...page.matchAll(/^## (.*)$/gm)].map((found) => found[1])).toEqual([
    "[workspace]", "[platforms.NAME]", "[packages.NAME]", "[packages.NAME.processes.NAME]", "[packages.NAME.start[]]", "[packages.NAME.health]", "[packages.NAME.hooks[]]", "[index]", "[exceptions[]]", "[targets.NAME]", "[targets.NAME.roles.NAME]", "[targets.NAME.rollout]",
  ]);
  expect(page).toContain("| `keep` | Releases that `prune` keeps besides the current and the previous one. | a whole number, 0 or more | `5` |");
});
