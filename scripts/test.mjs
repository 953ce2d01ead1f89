/**
 * All tests: installs what they need where it can, builds, runs them, and holds the result against
 * test/skips.txt (a skip must be named there with its reason) and test/count.txt (so many tests must run).
 * Words after `npm test --` go to vitest, and then only the run itself counts.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { debianRoot } from "./hosts/debian-root.mjs";
import { lackingForGroup } from "./hosts/group.mjs";
import { build } from "./build.mjs";
import { checkNeeds } from "./needs.mjs";
import { installPackages } from "./packages.mjs";

const project = join(import.meta.dirname, "..");
const words = process.argv.slice(2);
const report = join(project, ".cache/test-report.json");

checkNeeds();
installPackages();
mkdirSync(join(project, ".cache"), { recursive: true });
// Here and not in the first test that wants hosts: it takes longer than a test may.
if (words.length === 0 && lackingForGroup("namespace") === undefined) await debianRoot(console.error).catch((problem) => console.error(`${problem.message}\n(tests on hosts will fail)`));
await build();
const { status } = spawnSync(process.execPath, [join(project, "node_modules/vitest/vitest.mjs"), "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...words], { cwd: project, stdio: "inherit" });
if (words.length > 0 || status === null) process.exit(status ?? 1);

const { testResults } = JSON.parse(readFileSync(report, "utf8"));
const tests = testResults.flatMap(({ name, assertionResults }) => assertionResults.map((test) => ({ ...test, file: name.slice(project.length + 1) })));
const count = (wanted) => tests.filter((test) => test.status === wanted).length;
const passed = count("passed");
const skipped = tests.filter(({ status: how }) => how !== "passed" && how !== "failed");
const failures = [];

const allowed = readFileSync(join(project, "test/skips.txt"), "utf8").split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#")).map((line) => line.split(" # ")[0].trim());
for (const { file, fullName } of skipped) {
  console.log(`skipped: ${file}: ${fullName}`);
  if (process.env.CI && !allowed.some((name) => `${file}: ${fullName}`.includes(name))) failures.push(`this skip is not named in test/skips.txt: ${file}: ${fullName}`);
}
const expected = Number(readFileSync(join(project, "test/count.txt"), "utf8"));
if (process.env.CI && passed + count("failed") < expected) failures.push(`${passed + count("failed")} tests ran, ${expected} are expected (test/count.txt)`);
for (const failure of failures) console.error(`error: ${failure}`);
console.log(`${passed} passed, ${count("failed") + failures.length} failed, ${skipped.length} skipped`);
process.exit(status !== 0 || failures.length > 0 ? 1 : 0);
