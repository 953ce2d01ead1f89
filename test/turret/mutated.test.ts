import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readTurretArchive } from "../../src/build/index.ts";
import { CaissonError } from "../../src/model/index.ts";
import { removeTree, temporaryDirectory, walk } from "../../src/system/index.ts";
import { testContext } from "../support/temporary-store.ts";
import { makeArchive } from "./made-archive.ts";

/** The same numbers in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const PIECES = ["../", "/", "..", ".", "a", "a/", "a/x", "link", "link/x", "\0", "etc/passwd", "../../", "x/../"];

/** One header of the archive says something else, and its checksum agrees. */
function mutate(archive: Buffer, next: (below: number) => number): Buffer {
  const changed = Buffer.from(archive);
  const headers = Array.from({ length: changed.length / 512 }, (_, at) => at * 512).filter((at) => changed.toString("latin1", at + 257, at + 262) === "ustar");
  const at = headers[next(headers.length)] ?? 0;
  const text = (): string => Array.from({ length: 1 + next(3) }, () => PIECES[next(PIECES.length)]).join("");
  const what = next(3);
  if (what !== 1) changed.fill(0, at, at + 100).write(text(), at, 100, "latin1");
  if (what !== 0) changed.fill(0, at + 157, at + 257).write(text(), at + 157, 100, "latin1");
  if (what !== 0 || next(2) === 0) changed.write("012345678xLKg"[next(13)] ?? "0", at + 156, "latin1");
  changed.write("        ", at + 148, "latin1");
  const sum = changed.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
  changed.write(`${sum.toString(8).padStart(6, "0")}\0 `, at + 148, "latin1");
  return changed;
}

/** What lies beside the target, and which links in it lead out of it. */
async function lookAround(ground: string, target: string): Promise<{ readonly outside: readonly string[]; readonly leaving: readonly string[] }> {
  const outside: string[] = [];
  const leaving: string[] = [];
  for await (const { path, kind } of walk(ground)) {
    const full = join(ground, path);
    if (full !== target && !full.startsWith(`${target}/`)) outside.push(path);
    const leads = kind === "link" ? await realpath(full).catch(() => target) : target;
    if (leads !== target && !leads.startsWith(`${target}/`)) leaving.push(path);
  }
  return { outside, leaving };
}

it("row O13: whatever the headers of an archive say, it is refused in our words or stays in its folder", async () => {
  await using scratch = await temporaryDirectory("turret archive");
  makeArchive(join(scratch.path, "n.tar"), 'config(); script(); add("a", kind=tarfile.DIRTYPE); add("a/x", b"x"); add("link", kind=tarfile.SYMTYPE, link="a/x"); add("b/same", kind=tarfile.LNKTYPE, link="a/x"); add("b/y", b"y"); add("b/z", kind=tarfile.SYMTYPE, link="../a/x")', "w", "USTAR");
  const archive = readFileSync(join(scratch.path, "n.tar"));
  const ground = join(scratch.path, "ground");
  const next = numbers(5);
  const outcomes = { taken: 0, refused: 0 };
  for (let round = 0; round < 300; round++) {
    mkdirSync(join(ground, "deep/er"), { recursive: true });
    writeFileSync(join(ground, "n.tar"), mutate(archive, next));
    const target = join(ground, "deep/er/turret");
    try {
      const read = await readTurretArchive(testContext(ground), "n.tar");
      mkdirSync(target);
      await read.extract(target);
      outcomes.taken++;
    } catch (error) {
      if (!(error instanceof CaissonError)) throw new Error(`round ${round}`, { cause: error });
      outcomes.refused++;
    }
    const { outside, leaving } = await lookAround(ground, target);
    expect({ round, outside, leaving }).toEqual({ round, outside: ["deep", "deep/er", "n.tar"], leaving: [] });
    await removeTree(ground);
  }
  expect(outcomes.taken).toBeGreaterThan(20);
  expect(outcomes.refused).toBeGreaterThan(20);
});
