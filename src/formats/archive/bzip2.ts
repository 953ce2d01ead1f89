import { CaissonError, fail, type Bytes } from "../../model/index.ts";
import { filterThrough, type Context } from "../../system/index.ts";
import { invalid } from "./member.ts";

/** Bytes compressed by the machine's bzip2, or by python3, which has the same library. */
export function writeBzip2(ctx: Context, bytes: Bytes): Bytes {
  return through(ctx, ["-9", "-c"], COMPRESS, bytes);
}

/** @throws CaissonError `bundle-invalid` where it is damaged or cut short · `tool-missing` */
export async function* readBzip2(ctx: Context, bytes: Bytes): Bytes {
  try {
    yield* through(ctx, ["-d", "-c"], DECOMPRESS, bytes);
  } catch (error) {
    if (error instanceof CaissonError && error.code === "process-failed") invalid("the bundle is damaged or cut short", error.cause);
    throw error;
  }
}

/** A missing program is noticed before it has read anything, so the second one may have the same bytes. */
async function* through(ctx: Context, words: readonly string[], script: string, bytes: Bytes): Bytes {
  const programs = [["bzip2", ...words], ["python3", "-I", "-c", script]];
  for (const argv of programs) {
    if (!(await isThere(ctx, argv))) continue;
    yield* filterThrough(ctx, argv, bytes);
    return;
  }
  fail({ code: "tool-missing", message: "the format `tar.bz2` needs the program `bzip2`", hint: "install bzip2, or build another format: tar.gz is the default" });
}

async function isThere(ctx: Context, [program = "", ...words]: readonly string[]): Promise<boolean> {
  try {
    const probe = program === "bzip2" ? ["bzip2", "--help"] : [program, ...words.slice(0, 2), "import bz2"];
    return (await ctx.run(probe, { cwd: ctx.cwd, env: ctx.env })).status === 0;
  } catch (error) {
    if (error instanceof CaissonError && error.code === "tool-missing") return false;
    throw error;
  }
}

const COMPRESS = `
import bz2, sys
engine = bz2.BZ2Compressor(9)
for chunk in iter(lambda: sys.stdin.buffer.read(1 << 20), b""):
    sys.stdout.buffer.write(engine.compress(chunk))
sys.stdout.buffer.write(engine.flush())
`;

const DECOMPRESS = `
import bz2, shutil, sys
shutil.copyfileobj(bz2.BZ2File(sys.stdin.buffer), sys.stdout.buffer, 1 << 20)
`;
