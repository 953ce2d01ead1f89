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
  /** What a host does that says `unfit` and gets an archive with an interpreter, which follows. `program` is a path in it. */
  bring(size: number, program: string): Promise<string>;
}

export async function readTraveller(): Promise<Traveller> {
  const [agent, shell, python] = await Promise.all([readFile(ownPath("dist/agent.py")), readLines("agent/bootstrap.sh"), readLines("agent/bootstrap.py")]);
  const digest = createHash("sha256").update(agent).digest("hex");
  let program: Promise<Uint8Array> | undefined;
  return {
    command: (root, marker, first) => `exec ${quoteForAnyShell(["sh", "-c", oneLine(shell), "caisson", python.map(outdent).join("^"), root, marker, digest, Buffer.from(first).toString("base64")])}`,
    program: () => (program ??= pack(agent, digest)),
    bring: async (size, path) => `size=${size} program=${quoteForAnyShell([path])}; ${oneLine(await readLines("agent/bring.sh"))}\n`,
  };
}

/** Without comments, which nobody reads on the way. */
async function readLines(name: string): Promise<readonly string[]> {
  return (await readFile(ownPath(name), "utf8")).split("\n").filter((line) => line.trim() !== "" && !line.trimStart().startsWith("#"));
}

/** Lines of sh that end in what lets another command follow. */
function oneLine(lines: readonly string[]): string {
  return lines.map((line) => line.trim()).join(" ");
}

/** One space says as much as four. */
function outdent(line: string): string {
  return line.replace(/^(?: {4})+/, (spaces) => " ".repeat(spaces.length / 4));
}

async function pack(agent: Uint8Array, digest: string): Promise<Uint8Array> {
  const bytes = await promisify(deflate)(agent, { level: 9 });
  return Buffer.concat([encodeFrame({ program: digest, size: bytes.length }), bytes]);
}
