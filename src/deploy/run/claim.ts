import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fail } from "../../model/index.ts";
import { errorCode, linkExclusive, makeDirectory, temporaryBeside } from "../../system/index.ts";

/** Who looks after the processes of a root. */
interface Claim {
  readonly pid: number;
  /** When that process began, as the kernel counts; numbers of processes are used again. */
  readonly born: string;
}

/**
 * Be the only one who looks after the processes of a root, until the claim is given back or we are gone.
 * @throws CaissonError `host-busy` with the process id of whoever does
 */
export async function claimRoot(root: string): Promise<AsyncDisposable> {
  await makeDirectory(root);
  const path = join(root, CLAIM);
  const mine: Claim = { pid: process.pid, born: await bornAt(process.pid) };
  const temporary = temporaryBeside(path);
  await writeFile(temporary, `${JSON.stringify(mine)}\n`);
  try {
    while ((await linkExclusive(temporary, path)) === "exists") await removeStale(path);
  } finally {
    await rm(temporary, { force: true });
  }
  return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

/** The process that looks after a root's processes, if any. */
export async function findClaim(root: string): Promise<number | undefined> {
  const claim = await readClaim(join(root, CLAIM));
  return claim !== undefined && (await isAlive(claim)) ? claim.pid : undefined;
}

const CLAIM = ".up.json";

async function removeStale(path: string): Promise<void> {
  const found = await readClaim(path);
  if (found !== undefined && (await isAlive(found))) busy(found);
  // Taken away under another name first: somebody may have put a living claim there since we looked.
  const taken = temporaryBeside(path);
  await rename(path, taken).catch((error: unknown) => {
    if (errorCode(error) !== "ENOENT") throw error;
  });
  const now = await readClaim(taken);
  if (now !== undefined && (await isAlive(now))) {
    await linkExclusive(taken, path);
    await rm(taken, { force: true });
    busy(now);
  }
  await rm(taken, { force: true });
}

function busy({ pid }: Claim): never {
  fail({ code: "host-busy", message: `\`caisson up\` runs here already, as process ${pid}`, hint: "end it with Ctrl-C there, or use another directory: caisson up --root DIR" });
}

async function readClaim(path: string): Promise<Claim | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Claim;
  } catch (error) {
    if (error instanceof SyntaxError || errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function isAlive({ pid, born }: Claim): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (errorCode(error) === "ESRCH") return false;
  }
  return (await bornAt(pid)) === born;
}

/** Field 22 of /proc/PID/stat; the name in field 2 may hold spaces and parentheses. */
async function bornAt(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}
