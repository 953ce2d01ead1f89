import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { build as command } from "../../src/cli/commands/build.ts";
import { parseCommandLine } from "../../src/cli/program.ts";
import { printRecap } from "../../src/cli/recap.ts";
import { makeHome, type Home } from "../support/machine.ts";

let home: Home;
let place: string;
beforeEach(() => {
  home = makeHome();
  place = join(home.directory, "slow one");
  mkdirSync(place);
});
afterEach(() => home.remove());

/** A package whose back end waits until a file is there: its build is long until somebody says so. */
const backEnd = `
import base64, hashlib, pathlib, sys, time, zipfile
def build_wheel(out, config=None, metadata=None):
    while not pathlib.Path(${JSON.stringify("GO")}).exists():
        time.sleep(0.05)
    files = {"slow.py": "", "slow-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: slow\\nVersion: 1.0\\n", "slow-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
    record = "".join("%s,sha256=%s,%d\\n" % (name, base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("="), len(text)) for name, text in files.items())
    with zipfile.ZipFile(out + "/slow-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in [*files.items(), ("slow-1.0.dist-info/RECORD", record + "slow-1.0.dist-info/RECORD,,\\n")]:
            wheel.writestr(name, text)
    return "slow-1.0-py3-none-any.whl"
`;

interface Run {
  readonly stderr: () => string;
  readonly ended: Promise<number | null>;
}

function build(...words: readonly string[]): Run {
  const child = spawn("caisson", ["build", "--on-disk", "--platform", "debian-12", ...words], { cwd: place, env: { ...home.env, UV_DEFAULT_INDEX: "http://user:secret@127.0.0.1:9/simple" }, stdio: ["ignore", "ignore", "pipe"] });
  let text = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  return { stderr: () => text, ended: new Promise((resolve) => child.on("close", resolve)) };
}

it("row N11: says before long work which settings are in force, unless told not to, and nothing where nothing is to be done", async () => {
  const go = join(home.directory, "go");
  mkdirSync(join(place, "back"));
  writeFileSync(join(place, "back/slow_build.py"), backEnd.replace('"GO"', JSON.stringify(go)));
  writeFileSync(join(place, "pyproject.toml"), '[project]\nname = "slow"\nversion = "1.0"\n[build-system]\nrequires = []\nbuild-backend = "slow_build"\nbackend-path = ["back"]\n');
  const run = build();
  await expect.poll(run.stderr, { timeout: 60_000, interval: 50 }).toContain("  store     ");
  writeFileSync(go, "");
  expect(await run.ended).toBe(0);
  // Where uv's own settings name directories of files, they are told too.
  const lines = run.stderr().split("\n").filter((line) => !line.startsWith("  files "));
  const at = lines.indexOf("  packages  slow as it is on disk");
  expect(lines.slice(at, at + 5)).toEqual(["  packages  slow as it is on disk", "  formats   tar.gz", "  platform  debian-12, Python 3.11 of the host", "  index     http://127.0.0.1:9/simple (from uv's settings)", `  store     ${join(home.directory, ".local/share/caisson/store")}`]);
  expect(run.stderr()).not.toContain("secret");

  const again = build();
  expect([await again.ended, again.stderr()]).toEqual([0, expect.stringMatching(/^nothing to build; sha256 \w+\n$/)]);

  // In a terminal at once, however long it takes.
  const inTerminal = (words: string): string => {
    writeFileSync(join(place, "new.txt"), words);
    return spawnSync("script", ["-qec", `caisson build --on-disk --platform debian-12 ${words}`, "/dev/null"], { cwd: place, env: home.env, encoding: "utf8" }).stdout;
  };
  expect(inTerminal("")).toContain("  packages  slow as it is on disk");
  expect(inTerminal("--no-recap")).not.toContain("packages  slow");
});

it("row P17: takes --no-recap from the environment too, where 0 means no", async () => {
  expect([await isSkipped(undefined), await isSkipped(undefined, "--no-recap"), await isSkipped("1"), await isSkipped("0"), await isSkipped("0", "--no-recap")]).toEqual([false, true, true, false, true]);
});

async function isSkipped(variable: string | undefined, ...words: readonly string[]): Promise<boolean> {
  try {
    if (variable !== undefined) process.env["CAISSON_NO_RECAP"] = variable;
    const typed = await parseCommandLine([command], {}, ["build", ...words], "0");
    return "command" in typed && typed.input.has("no-recap");
  } finally {
    delete process.env["CAISSON_NO_RECAP"];
  }
}

it("row N11: names each platform's interpreter, and directories of files", () => {
  expect(printRecap({ packages: ["web", "api"], source: "1.0", platforms: [{ label: "centos-7", python: "3.8", interpreter: "python-3.8" }], formats: ["zip", "dir"], index: "https://example.com/simple", indexFrom: "caisson.toml", findLinks: ["/wheels"], store: "/s", offline: true, exceptions: [] })).toEqual([
    "  packages  web, api at 1.0",
    "  formats   zip, dir",
    "  platform  centos-7, Python 3.8 that goes along (python-3.8)",
    "  index     not asked (offline)",
    "  files     /wheels",
    "  store     /s",
  ]);
});
