/** Runs programs without holding up this process. */
import { spawn } from "node:child_process";

/** Run a program to its end. @returns what it wrote to stdout @throws with what it wrote to stderr */
export function run([program, ...words], { input = "", env = process.env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: ["pipe", "pipe", "pipe"], env: { ...env, PATH: `${env.PATH ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`, LC_ALL: "C.UTF-8" } });
    const said = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk) => (said.stdout += chunk));
    child.stderr.on("data", (chunk) => (said.stderr += chunk));
    child.on("error", reject);
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    child.on("close", (status) => (status === 0 ? resolve(said.stdout) : reject(new Error(`${[program, ...words].join(" ")} ended with ${status}:\n${said.stdout.slice(-2000)}${said.stderr.slice(-2000)}`))));
  });
}

/** Wait until an answer is there. @throws when it is not after so many seconds */
export async function until(ask, what, seconds = 30) {
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    const answer = await ask();
    if (answer) return answer;
    await new Promise((passed) => setTimeout(passed, 20));
  }
  throw new Error(`${what}: not after ${seconds} s`);
}
