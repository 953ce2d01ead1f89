import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { once } from "./once.ts";
import { cache } from "./machine.ts";

/** One release of each major that Caisson runs on. */
export const NODES: readonly string[] = ["20.19.5", "22.23.3", "24.9.0"];

/** The program of another Node, from the package that npm has of it, fetched once; undefined where it cannot be had. */
export function otherNode(version: string): string | undefined {
  const directory = join(cache, `node-${version}`);
  const program = join(directory, "node_modules", `node-linux-${process.arch}`, "bin", "node");
  let failed = false;
  once(`${directory}.lock`, () => failed || existsSync(program), () => {
    const made = `${directory}.${process.pid}`;
    mkdirSync(made, { recursive: true });
    try {
      execFileSync("npm", ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", made, `node-linux-${process.arch}@${version}`], { cwd: made, stdio: ["ignore", "ignore", "inherit"] });
      rmSync(directory, { recursive: true, force: true });
      renameSync(made, directory);
    } catch {
      failed = true;
    } finally {
      rmSync(made, { recursive: true, force: true });
    }
  });
  return failed ? undefined : program;
}
