/** Everything that is not a test: types, lint, unused code, the package as others see it, the agent, the shell scripts, generated pages. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { answers, checkNeeds, must } from "./needs.mjs";
import { installPackages } from "./packages.mjs";
import { build } from "./build.mjs";

const project = join(import.meta.dirname, "..");
const tools = join(project, ".cache/check-tools");
const bin = (name) => join(project, "node_modules/.bin", name);
const python = (name) => join(tools, "bin", name);

checkNeeds();
installPackages();
installPythonTools(["ruff==0.17.5", "vermin==1.9.2"]);
await build();

const agent = readdirSync(join(project, "agent"), { recursive: true }).filter((name) => name.endsWith(".py")).map((name) => join("agent", name));
const shell = ["agent", "scripts"].flatMap((folder) => readdirSync(join(project, folder), { recursive: true }).filter((name) => name.endsWith(".sh")).map((name) => join(folder, name)));
/** @type {readonly (readonly [name: string, argv: readonly string[]])[]} */
const checks = [
  ["types", [bin("tsc"), "--noEmit"]],
  ["lint", [bin("oxlint"), "--deny-warnings"]],
  ["unused code", [bin("knip")]],
  ["package", [bin("publint"), "--strict"]],
  ["package types", [bin("attw"), "--pack", ".", "--profile", "esm-only"]],
  ["style of Python", [python("ruff"), "check", "--no-cache", ...agent, "scripts/hosts/wire.py"]],
  ["agent syntax", [python("vermin"), "--target=3.4-", "--violations", "--no-tips", "dist/agent.py"]],
  ["shell", ["shellcheck", "--shell=sh", ...shell]],
  ["generated pages", [process.execPath, "scripts/generate.mjs", "--check"]],
];
let failed = 0;
for (const [name, [program, ...words]] of checks) {
  if (program === "shellcheck" && !answers(["shellcheck", "--version"])) {
    console.log(`${name}: skipped, shellcheck is not installed`);
    if (process.env.CI) failed++;
    continue;
  }
  const { status, stdout, stderr } = spawnSync(program, words, { cwd: project, encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } });
  console.log(`${name}: ${status === 0 ? "clean" : "FAILED"}`);
  if (status === 0) continue;
  failed++;
  console.log(`${stdout}${stderr}`);
}
process.exit(failed === 0 ? 0 : 1);

/** Into an ignored folder, once. */
function installPythonTools(wanted) {
  const stamp = join(tools, "bin", wanted[0].split("==")[0]);
  if (existsSync(stamp)) return;
  mkdirSync(tools, { recursive: true });
  must(["python3", "-m", "venv", tools]);
  must([join(tools, "bin/pip"), "install", "--quiet", "--disable-pip-version-check", ...wanted]);
}
