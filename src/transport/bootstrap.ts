import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { deflate } from "node:zlib";
import { ownPath } from "../system/index.ts";
import { encodeFrame } from "./frames.ts";
import { quoteForAnyShell } from "./quote.ts";

/** The agent as it travels to a host that is not this machine: a command for its login shell, and the program for where that has none. PROTOCOL.md has the words. */
export interface Traveller {
  /** For one host and one conversation; any login shell reads it. `root` is absolute, and has passed `rootTrouble`. `first` are frames that the agent finds there when it begins. */
  command(root: string, marker: string, first: Uint8Array): string;
  /** The agent itself, for a host that says `want`. */
  program(): Promise<Uint8Array>;
}

export async function readTraveller(): Promise<Traveller> {
  const [agent, shell, python] = await Promise.all([readFile(ownPath("dist/agent.py")), readLines("agent/bootstrap.sh"), readLines("agent/bootstrap.py")]);
  const digest = createHash("sha256").update(agent).digest("hex");
  const script = shell.map((line) => line.trim()).join(" ");
  let program: Promise<Uint8Array> | undefined;
  return {
    command: (root, marker, first) => `exec ${quoteForAnyShell(["sh", "-c", script, "caisson", python.join("^"), root, marker, digest, Buffer.from(first).toString("base64")])}`,
    program: () => (program ??= pack(agent, digest)),
  };
}

/** Without comments, which nobody reads on the way. */
async function readLines(name: string): Promise<readonly string[]> {
  return (await readFile(ownPath(name), "utf8")).split("\n").filter((line) => line.trim() !== "" && !line.trimStart().startsWith("#"));
}

async function pack(agent: Uint8Array, digest: string): Promise<Uint8Array> {
  const bytes = await promisify(deflate)(agent, { level: 9 });
  return Buffer.concat([encodeFrame({ program: digest, size: bytes.length }), bytes]);
}
