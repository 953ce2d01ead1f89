import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { realUv } from "../build/real-uv.ts";
import { makeWheel } from "../build/wheelhouse.ts";
import { flit } from "../build/workshop.ts";
import { makeHome, type Home } from "../support/machine.ts";
import { pip } from "../support/real-wheels.ts";

/** Nobody answers there: who asks an index fails. */
const NOWHERE = { PIP_INDEX_URL: "http://127.0.0.1:9/", UV_DEFAULT_INDEX: "http://127.0.0.1:9/", PIP_DISABLE_PIP_VERSION_CHECK: "1" };

/** `web` needs `chart` with an extra, which brings `colour`; `colour` needs `paint`, of which two versions are to be had. */
const WHEELS = [
  makeWheel("odd-chart", "2.0", { requires: ['odd-colour; extra == "fancy"'], extras: ["fancy"] }),
  makeWheel("odd-colour", "1.5", { requires: ["odd-paint<3"] }),
  makeWheel("odd-paint", "2.9"),
  makeWheel("odd-paint", "3.1"),
];
const FILES = {
  "caisson.toml": '[workspace]\nname = "shop"\n[index]\nfind-links = ["wheels"]\n[packages.Web_App]\npath = "web"\n[packages.settings]\nkind = "files"\npath = "settings"\n',
  "web/pyproject.toml": flit("Web_App", "1.0", 'dependencies = ["odd-chart[fancy]"]\n[project.scripts]\nweb = "Web_App:main"'),
  "web/Web_App.py": '"""Serves."""\nimport odd_paint\ndef main():\n    print("web", odd_paint.version)\n',
  "settings/shop.ini": "name = shop\n",
};

describe("a wheelhouse", () => {
  let home: Home;
  let work: string;
  let built: ReturnType<typeof sh>;
  beforeAll(() => {
    home = makeHome();
    work = join(home.directory, "my shop");
    for (const [path, text] of Object.entries(FILES)) write(path, text);
    for (const { fileName, bytes } of WHEELS) write(`wheels/${fileName}`, bytes);
    built = sh("git init -q -b main && git add . && git commit -qm shop && caisson build --format wheelhouse");
  }, 120_000);
  afterAll(() => home.remove());

  function write(path: string, content: string | Uint8Array): void {
    mkdirSync(dirname(join(work, path)), { recursive: true });
    writeFileSync(join(work, path), content);
  }

  function sh(script: string, env: Readonly<Record<string, string>> = {}): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
    const { status, stdout, stderr } = spawnSync("sh", ["-ec", script], { cwd: work, env: { ...home.env, ...env }, encoding: "utf8" });
    return { status, stdout, stderr };
  }

  it("row W2: has the package's own wheel and every transitive dependency, of the index's ones the original bytes, and their sums", () => {
    expect(built).toMatchObject({ status: 0, stdout: "dist/Web_App-1.0-wheelhouse\n" });
    const house = join(work, "dist/Web_App-1.0-wheelhouse");
    expect(readdirSync(house).toSorted()).toEqual(["odd_chart-2.0-py3-none-any.whl", "odd_colour-1.5-py3-none-any.whl", "odd_paint-2.9-py3-none-any.whl", "requirements.txt", "web_app-1.0-py3-none-any.whl"]);
    for (const { fileName, bytes } of WHEELS.filter(({ name, fileName: file }) => name !== "odd-paint" || file.includes("2.9"))) expect(readFileSync(join(house, fileName)).equals(bytes)).toBe(true);
    const own = createHash("sha256").update(readFileSync(join(house, "web_app-1.0-py3-none-any.whl"))).digest("hex");
    expect(readFileSync(join(house, "requirements.txt"), "utf8").split("\n").slice(-3)).toEqual(["web-app==1.0 \\", `    --hash=sha256:${own}`, ""]);
    expect(sh("cd dist && sha256sum -c Web_App-1.0-wheelhouse.sha256").stdout.split("\n").filter((line) => line.endsWith(": OK"))).toHaveLength(5);
  });

  it("row W2: plain pip installs from it without a network, by name and by the list with hashes", () => {
    for (const [at, words] of ["web-app", "--require-hashes -r 'dist/Web_App-1.0-wheelhouse/requirements.txt'"].entries()) {
      expect(sh(`python3 -m venv --without-pip env${at} && '${pip()}' -m pip --python env${at}/bin/python install -q --no-index --find-links dist/Web_App-1.0-wheelhouse ${words} && env${at}/bin/web`, NOWHERE)).toEqual({ status: 0, stdout: "web 2.9\n", stderr: "" });
    }
    write("copy/requirements.txt", readFileSync(join(work, "dist/Web_App-1.0-wheelhouse/requirements.txt"), "utf8"));
    sh("cp dist/Web_App-1.0-wheelhouse/*.whl copy && rm copy/odd_paint-2.9* && cp wheels/odd_paint-3.1* copy/odd_paint-2.9-py3-none-any.whl");
    expect(sh(`'${pip()}' -m pip --python env0/bin/python install -q --force-reinstall --require-hashes --no-index --find-links copy -r copy/requirements.txt`, NOWHERE)).toMatchObject({ status: 1, stderr: expect.stringContaining("odd-paint") as string });
  });

  it("row W2: so does uv", async ({ skip }) => {
    const uv = await realUv();
    skip(uv === undefined, "needs uv");
    for (const [at, words] of ["web-app", "--require-hashes -r 'dist/Web_App-1.0-wheelhouse/requirements.txt'"].entries()) {
      expect(sh(`python3 -m venv --without-pip uv${at} && '${uv?.path ?? ""}' pip install -q --offline --no-cache --python uv${at}/bin/python --no-index --find-links dist/Web_App-1.0-wheelhouse ${words} && uv${at}/bin/web`, NOWHERE)).toEqual({ status: 0, stdout: "web 2.9\n", stderr: "" });
    }
  });

  it("row W2: is the same bytes made anywhere, listed by --json, known a second time, and replaced as a whole", () => {
    const [first] = (JSON.parse(sh("caisson build web-app --format wheelhouse --json").stdout) as { readonly artifacts: readonly Readonly<Record<string, unknown>>[] }).artifacts;
    expect(first).toMatchObject({ package: "web-app", version: "1.0", format: "wheelhouse", fileName: "Web_App-1.0-wheelhouse", path: "dist/Web_App-1.0-wheelhouse", unchanged: true });
    expect(sh("caisson build web-app --format wheelhouse --store ../other-store --output elsewhere --json").stdout).toContain(`"digest":"${String(first?.["digest"])}"`);
    expect(sh("diff -r dist/Web_App-1.0-wheelhouse elsewhere/Web_App-1.0-wheelhouse")).toMatchObject({ status: 0, stdout: "" });
    expect(sh("find dist/Web_App-1.0-wheelhouse ! -perm 644 -type f").stdout).toBe("");

    // What was being made here when somebody was killed goes, too; what somebody is making stays.
    const space = /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "";
    sh(`mkdir dist/.making-${space}-999999999-abcdef dist/.making-${space}-${process.pid}-abcdef`);
    sh("touch dist/Web_App-1.0-wheelhouse/stray.whl && mkdir dist/Web_App-1.0-wheelhouse/empty && rm dist/Web_App-1.0-wheelhouse/odd_paint*");
    expect(sh("caisson build web-app --format wheelhouse && ls dist/Web_App-1.0-wheelhouse").stdout).toBe("dist/Web_App-1.0-wheelhouse\nodd_chart-2.0-py3-none-any.whl\nodd_colour-1.5-py3-none-any.whl\nodd_paint-2.9-py3-none-any.whl\nrequirements.txt\nweb_app-1.0-py3-none-any.whl\n");
    expect(sh("ls -A dist").stdout).toBe(`.making-${space}-${process.pid}-abcdef\nWeb_App-1.0-wheelhouse\nWeb_App-1.0-wheelhouse.sha256\n`);
    expect(sh("caisson why web-app").stdout).toMatch(/^Web_App-1\.0-wheelhouse {2}nothing to build/);
  });

  it("says its platform in its name where that is not the workspace's first", () => {
    cpSync(join(work, "caisson.toml"), join(work, "caisson.toml.kept"));
    expect(sh("caisson build web-app --format wheelhouse --platform rocky-9 --output foreign && ls foreign").stdout).toBe("foreign/Web_App-1.0-rocky-9-wheelhouse\nWeb_App-1.0-rocky-9-wheelhouse\nWeb_App-1.0-rocky-9-wheelhouse.sha256\n");
    write("caisson.toml", FILES["caisson.toml"].replace("[workspace]", '[workspace]\nplatforms = ["rocky-9", "debian-13"]'));
    expect(sh("git commit -qam platforms && caisson build web-app --format wheelhouse --output both").stdout).toBe("both/Web_App-1.0-wheelhouse\nboth/Web_App-1.0-debian-13-wheelhouse\n");
    expect(sh("head -1 both/Web_App-1.0-wheelhouse/requirements.txt").stdout).toBe("# Web_App 1.0 for rocky-9 (CPython 3.9), with everything it needs:\n");
    sh("mv caisson.toml.kept caisson.toml && git commit -qam back");
  });

  it("is no bundle, and nothing that a package without wheels could have", () => {
    expect(sh("caisson build settings --format wheelhouse")).toMatchObject({ status: 2, stderr: 'error: `settings` has no wheels\nhint: that format is for packages of kind "python"\n' });
    expect(sh("caisson deploy dist/Web_App-1.0-wheelhouse --to local:site")).toMatchObject({ status: 1, stderr: expect.stringMatching(/^error: this is a wheelhouse, and no bundle\nhint: pip install --no-index --find-links DIR NAME;/m) as string });
    expect(execFileSync("ls", [work], { encoding: "utf8" })).not.toContain("site");
  });
});
