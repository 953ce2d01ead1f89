import { createReadStream } from "node:fs";
import { link, open, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fail, failAll, type Bytes, type Problem } from "../../model/index.ts";
import { readGzip, readTarEntries, type Refuse } from "../../formats/index.ts";
import { errorCode, explainFileError, makeDirectory, type Context } from "../../system/index.ts";
import { turretKeys } from "./keys.ts";
import { judgeMembers, type Member } from "./members.ts";
import { readInstallRequires } from "./setup-text.ts";
import { readStartConfig, type StartConfig } from "./start-config.ts";

/** An archive of a turret, read to its end and found good. */
export interface TurretArchive {
  readonly config: StartConfig;
  /** What the turret asks for besides oct-turrets. */
  readonly requirements: readonly string[];
  /** Write everything into an empty directory; its `config.json` is one that every generation of the turret program reads. */
  extract(directory: string): Promise<void>;
}

/**
 * Read the archive of a turret, `.tar` or `.tar.gz`, ours or of the original; nothing is written.
 * @throws CaissonError `archive-invalid` · `config-invalid` · `cancelled`
 */
export async function readTurretArchive(ctx: Context, given: string): Promise<TurretArchive> {
  const path = resolve(ctx.cwd, given);
  const refuse: Refuse = (what, cause) => fail({ code: "archive-invalid", message: `\`${given}\` ${what}` }, cause);
  const entries = await openEntries(path, given, refuse);
  const texts = new Map<string, string>();
  const files = new Set<string>();
  for await (const { member, bytes } of entries()) {
    if (ctx.signal.aborted) fail({ code: "cancelled", message: "stopped on request" });
    if (member.kind !== "directory") files.add(member.path);
    if (member.kind === "file" && TEXTS.includes(member.path)) texts.set(member.path, await readText(member.path, bytes, refuse));
  }
  const text = texts.get("config.json") ?? refuse("has no `config.json`, so it is no turret's");
  const config = readStartConfig(`${given}/config.json`, text);
  if (config.script !== undefined && !files.has(config.script.replace(/^(?:\.\/+)+/, ""))) fail({ code: "config-invalid", file: `${given}/config.json`, key: "script", message: `the script \`${config.script}\` is not in the archive` });
  return {
    config,
    requirements: config.requirements ?? requirementsOf(given, texts.get("setup.py")),
    extract: async (directory) => {
      try {
        for await (const { member, bytes } of entries()) {
          if (ctx.signal.aborted) fail({ code: "cancelled", message: "stopped on request" });
          await extractMember(directory, member, bytes);
        }
        await writeFile(join(directory, "config.json"), config.text);
      } catch (error) {
        throw explainFileError(error, directory);
      }
    },
  };
}

/** Members of which the text is read. */
const TEXTS: readonly string[] = ["config.json", "setup.py"];
const LARGEST_TEXT = 1 << 20;

interface JudgedEntry {
  readonly member: Member;
  readonly bytes: Bytes;
}

/** The archive from its beginning, each time, judged each time: it may be another one by then. */
async function openEntries(path: string, given: string, refuse: Refuse): Promise<() => AsyncIterable<JudgedEntry>> {
  const start = await readStart(path, given);
  const isGzip = start.startsWith("\u001f\u008b");
  if (!isGzip && !start.startsWith("ustar", 257)) refuse(start === "" ? "is empty" : "is not a turret's archive: neither tar nor tar.gz");
  return async function* entries() {
    const bytes: Bytes = createReadStream(path, { highWaterMark: 1 << 20 });
    const judge = judgeMembers(refuse);
    for await (const entry of readTarEntries(isGzip ? readGzip(bytes, refuse) : bytes, refuse)) {
      const member = judge(entry);
      if (member !== undefined) yield { member, bytes: entry.bytes };
    }
  };
}

async function readStart(path: string, given: string): Promise<string> {
  const found = await stat(path).catch((error: unknown) => fail({ code: "archive-invalid", message: errorCode(error) === "ENOENT" ? `there is no file \`${given}\`` : `cannot read \`${given}\``, hint: "name the archive that `caisson turret pack` wrote" }, error));
  if (!found.isFile()) fail({ code: "archive-invalid", message: `\`${given}\` is not a file`, ...(found.isDirectory() ? { hint: `pack it first: caisson turret pack ${given}` } : {}) });
  await using file = await open(path, "r");
  const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0);
  return buffer.toString("latin1", 0, bytesRead);
}

async function readText(path: string, bytes: Bytes, refuse: Refuse): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.length;
    if (size > LARGEST_TEXT) refuse(`has a \`${path}\` that is too large`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/**
 * What the original's `setup.py` names, without oct-turrets unless it says which.
 * @throws CaissonError `config-invalid` where only running it would tell
 */
function requirementsOf(given: string, setup: string | undefined): readonly string[] {
  const file = `${given}/setup.py`;
  const found = setup === undefined ? [] : readInstallRequires(setup);
  if (found === undefined) return fail({ code: "config-invalid", file, message: "`install_requires` is not a plain list of texts, and it is not run to find out", hint: "write the requirements into `turrets_requirements` of the project's config.json, and pack it with `caisson turret pack`" });
  const problems: Problem[] = [];
  turretKeys["turrets_requirements"]?.read(found, ["install_requires"], ({ at: _at, ...mismatch }) => void problems.push({ code: "config-invalid", file, ...mismatch }));
  failAll(problems);
  return found;
}

async function extractMember(directory: string, member: Member, bytes: Bytes): Promise<void> {
  const path = join(directory, member.path);
  if (member.kind === "directory") {
    await makeDirectory(path);
    return;
  }
  await makeDirectory(dirname(path));
  // The last one of a name counts, and nothing is written through what stands there.
  await rm(path, { force: true });
  if (member.kind === "file") await writeFile(path, bytes, { mode: member.executable ? 0o755 : 0o644, flag: "wx" });
  else if (member.kind === "link") await symlink(member.target, path);
  else await link(join(directory, member.as), path);
}

/**
 * Read a turret that lies in a directory, by its `config.json`.
 * @throws CaissonError `config-invalid` · `archive-invalid` for a newer format
 */
export async function readTurretFolder(ctx: Context, given: string): Promise<Omit<TurretArchive, "extract"> & { readonly path: string }> {
  const path = resolve(ctx.cwd, given);
  const folder = dirname(path);
  const text = await readIfThere(path);
  if (text === undefined) return fail({ code: "config-invalid", file: given, message: "there is no such file", hint: "name a turret's config.json, or its archive with --tar" });
  const config = readStartConfig(given, text);
  const script = config.script === undefined ? undefined : resolve(folder, config.script);
  if (script !== undefined && (await stat(script).catch(() => undefined))?.isFile() !== true) fail({ code: "config-invalid", file: given, key: "script", message: `the script \`${config.script ?? ""}\` is not beside it` });
  return { path, config, requirements: config.requirements ?? requirementsOf(dirname(given), await readIfThere(join(folder, "setup.py"))) };
}

async function readIfThere(path: string): Promise<string | undefined> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    return (await file.stat()).isFile() ? await file.readFile("utf8") : undefined;
  } finally {
    await file.close();
  }
}
