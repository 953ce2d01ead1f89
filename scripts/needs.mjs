/** What a script needs of this machine: says all that is missing at once, and ends with 1. */
import { spawnSync } from "node:child_process";

/** @param {{ python?: string }} wanted the oldest Python that will do */
export function checkNeeds({ python = "3.8" } = {}) {
  const missing = [];
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) missing.push(`Node >= 20.19 (this is ${process.versions.node})`);
  if (!answers(["git", "--version"])) missing.push("git");
  if (!answers(["python3", "-c", `import sys; sys.exit(sys.version_info < (${python.replace(".", ", ")}))`])) missing.push(`python3 >= ${python}`);
  if (missing.length === 0) return;
  console.error(`error: this needs ${missing.join(" and ")}`);
  console.error("hint: on Debian or Ubuntu: apt-get install git python3; Node from your distribution or nodejs.org");
  process.exit(1);
}

/** Whether a program is there and ends with 0. */
export function answers([program, ...words]) {
  return spawnSync(program, words, { stdio: "ignore" }).status === 0;
}

/** Run a program to its end, its output ours; its failure ends this script. */
export function must([program, ...words], options = {}) {
  const { status, error } = spawnSync(program, words, { stdio: "inherit", ...options });
  if (error !== undefined) {
    console.error(`error: cannot run \`${program}\`: ${error.message}`);
    process.exit(1);
  }
  if (status !== 0) process.exit(status ?? 1);
}
