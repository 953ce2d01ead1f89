import { chmod, mkdir, readFile, readdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { findInterpreter } from "../../src/build/interpreter.ts";
import { machinePlatform } from "../../src/build/machine.ts";
import { createContext, temporaryDirectory, type Context } from "../../src/system/index.ts";
import { defaultPythonMinor, findPythons } from "../support/machine.ts";

const pythons = findPythons();
const proper = pythons.find(({ minor }) => minor === defaultPythonMinor());

const context = (directory: string, env: Readonly<Record<string, string>>): Context => createContext({ cwd: directory, env: { HOME: directory, ...env }, report: () => undefined, signal: new AbortController().signal });

async function program(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  await chmod(path, 0o755);
}

describe("machinePlatform", () => {
  it("is a platform of the minor that python3 on PATH has, and says that it ran", async () => {
    await using scratch = await temporaryDirectory("caisson-machine");
    const platform = await machinePlatform(context(scratch.path, { PATH: process.env["PATH"] ?? "" }));
    expect([platform.python.version, platform.evidence, platform.tags.length > 10]).toEqual([defaultPythonMinor(), "ran", true]);
  });

  it("asks a real interpreter once, and remembers it as long as it is the same file", async () => {
    await using scratch = await temporaryDirectory("caisson-machine");
    await mkdir(join(scratch.path, "bin"));
    await symlink(proper?.path ?? "", join(scratch.path, "bin/python3"));
    const ctx = context(scratch.path, { PATH: join(scratch.path, "bin") });
    let asked = 0;
    const counting: Context = { ...ctx, run: (argv, options) => ((asked += 1), ctx.run(argv, options)) };
    const [first, second] = [await machinePlatform(counting), await machinePlatform(counting)];
    expect(second).toEqual(first);
    expect([asked, await readdir(join(scratch.path, ".cache/caisson/interpreters"))]).toEqual([1, [expect.stringMatching(/^[0-9a-f]{32}\.json$/)]]);
  });

  it("says the same where nothing can be kept, and takes an XDG_CACHE_HOME that is empty or relative for none", async () => {
    await using scratch = await temporaryDirectory("caisson-machine");
    await writeFile(join(scratch.path, "file"), "");
    const about = async (cache: string): Promise<string> => (await machinePlatform(context(scratch.path, { PATH: process.env["PATH"] ?? "", XDG_CACHE_HOME: cache }))).label;
    const [usual, ...others] = [await about("/proc/nothing"), await about(join(scratch.path, "file")), await about(""), await about("cache")];
    expect(others).toEqual([usual, usual, usual]);
    expect(await readdir(join(scratch.path, ".cache/caisson/interpreters"))).toHaveLength(1);
  });

  it("asks a version manager's script each time", async () => {
    await using scratch = await temporaryDirectory("caisson-machine");
    await program(join(scratch.path, "bin/python3"), `#!/bin/sh\necho asked >> '${scratch.path}/asked'\nexec '${proper?.path}' "$@"\n`);
    const ctx = context(scratch.path, { PATH: `${join(scratch.path, "bin")}:/usr/bin:/bin` });
    await machinePlatform(ctx);
    await machinePlatform(ctx);
    expect(await readFile(join(scratch.path, "asked"), "utf8")).toBe("asked\nasked\n");
  });

  it("asks pyenv's script again when what it decides by has changed, and not before", async () => {
    await using scratch = await temporaryDirectory("caisson-machine");
    const asked = join(scratch.path, "asked");
    await program(join(scratch.path, "pyenv/shims/python3"), `#!/bin/sh\n# pyenv exec\necho asked >> '${asked}'\nexec '${proper?.path}' "$@"\n`);
    await mkdir(join(scratch.path, "pyenv/versions"));
    const ctx = context(scratch.path, { PATH: `${join(scratch.path, "pyenv/shims")}:/usr/bin:/bin` });
    const lines: number[] = [];
    const ask = async (env: Readonly<Record<string, string>>): Promise<void> => {
      await machinePlatform({ ...ctx, env: { ...ctx.env, ...env } });
      lines.push((await readFile(asked, "utf8")).split("\n").length - 1);
    };
    await ask({});
    await ask({});
    await writeFile(join(scratch.path, ".python-version"), "3.12\n");
    await ask({});
    await ask({ PYENV_VERSION: "3.10" });
    await mkdir(join(scratch.path, "pyenv/versions/3.13.0"));
    await ask({});
    expect(lines).toEqual([1, 1, 2, 3, 4]);
  });

  it("says what is missing without python3", async () => {
    await using scratch = await temporaryDirectory("caisson-machine");
    await expect(machinePlatform(context(scratch.path, { PATH: scratch.path }))).rejects.toMatchObject({ code: "tool-missing", hint: "install Python 3, or name a platform with --platform" });
  });
});

describe("findInterpreter", () => {
  it("passes over a script that does not run, and finds the interpreter behind the next one", async () => {
    await using scratch = await temporaryDirectory("caisson-interpreter");
    const minor = proper?.minor ?? "";
    await program(join(scratch.path, "a", `python${minor}`), "#!/bin/sh\necho 'not chosen' >&2\nexit 127\n");
    await program(join(scratch.path, "b", `python${minor}`), `#!/bin/sh\nexec '${proper?.path}' "$@"\n`);
    const ctx = context(scratch.path, { PATH: `${scratch.path}/a:${scratch.path}/b:/usr/bin:/bin` });
    expect(await findInterpreter(ctx, minor)).toMatchObject({ executable: proper?.path, implementation: "cpython" });
  });

  it("finds none for a minor that nobody has", async () => {
    await using scratch = await temporaryDirectory("caisson-interpreter");
    expect(await findInterpreter(context(scratch.path, { PATH: process.env["PATH"] ?? "" }), "3.99")).toBeUndefined();
  });
});
