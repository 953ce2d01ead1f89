import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readWorkspace } from "../../src/config/index.ts";
import { serveIndex, type IndexServer } from "./index-server.ts";
import { realUv } from "./real-uv.ts";
import { makeWheel } from "./wheelhouse.ts";
import { makeWorkshop, type TestWorkshop } from "./workshop.ts";

const uv = await realUv();

let shop: TestWorkshop;
let server: IndexServer;
beforeEach(async () => {
  server = await serveIndex([makeWheel("alpha", "1.0"), makeWheel("alpha", "2.0"), makeWheel("beta", "1.0")]);
  shop = await makeWorkshop({
    "caisson.toml": `[workspace]\nplatforms = ["debian-12", "centos-7"]\n[packages.web]\npath = "web"\n[packages.api]\npath = "api"\n[index]\nurl = "${server.url}"\n`,
    "web/requirements.txt": "alpha<2\n",
    "web/VERSION": "1.0\n",
    "api/requirements.txt": "beta\n",
    "api/VERSION": "1.0\n",
  });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  shop.remove();
});

const env = { PATH: [dirname(uv?.path ?? "/nowhere"), process.env["PATH"]].join(delimiter), PIP_CONFIG_FILE: "/dev/null", UV_NO_CONFIG: "1" };

async function build(): Promise<void> {
  await shop.build({ onDisk: true, wheelDirectory: "my wheels", env });
}

function list(platform: string): readonly string[] {
  return readdirSync(join(shop.directory, "my wheels", platform)).toSorted();
}

const KEY = ".caisson-wheels.json";

describe.skipIf(uv === undefined)("WHEEL_DIR (needs uv)", () => {
  it("row N2: has the wheels of every platform, and makes them again where they are absent or requirements changed, and only then", async () => {
    await build();
    expect(list("debian-12")).toEqual([KEY, "alpha-1.0-py3-none-any.whl", "beta-1.0-py3-none-any.whl"]);
    expect(list("centos-7")).toEqual(list("debian-12"));

    // Nothing changed: nothing is written, and nobody but git is asked.
    const old = new Date(1_000_000_000_000);
    for (const platform of ["debian-12", "centos-7"]) for (const name of list(platform)) utimesSync(join(shop.directory, "my wheels", platform, name), old, old);
    writeFileSync(join(shop.directory, "my wheels/centos-7/letter.txt"), "dear");
    const asked = server.requests.length;
    await build();
    expect(shop.programs.filter((program) => !program.startsWith("git"))).toEqual([]);
    expect(list("debian-12").map((name) => statSync(join(shop.directory, "my wheels/debian-12", name)).mtimeMs)).toEqual([1e12, 1e12, 1e12]);

    // One platform's is gone: it comes back from the store, and the other is left alone.
    rmSync(join(shop.directory, "my wheels/debian-12"), { recursive: true });
    await build();
    expect(list("debian-12")).toHaveLength(3);
    expect(statSync(join(shop.directory, "my wheels/centos-7", KEY)).mtimeMs).toBe(1e12);
    expect(server.requests).toHaveLength(asked);

    // Other requirements: both follow, what nobody needs any more goes, and what others put there stays.
    shop.write({ "web/requirements.txt": "alpha\n" });
    await build();
    expect(list("debian-12")).toEqual([KEY, "alpha-2.0-py3-none-any.whl", "beta-1.0-py3-none-any.whl"]);
    expect(list("centos-7")).toEqual([KEY, "alpha-2.0-py3-none-any.whl", "beta-1.0-py3-none-any.whl", "letter.txt"]);
  });

  it("row N2: has its key after success only, and is a place where pip finds wheels", async () => {
    shop.write({ "api/requirements.txt": "beta\nnobody-has-this\n" });
    await expect(build()).rejects.toMatchObject({ code: "requirements-broken" });
    expect(existsSync(join(shop.directory, "my wheels"))).toBe(false);
    shop.write({ "api/requirements.txt": "beta\n" });
    const workspace = await readWorkspace(shop.context, shop.directory);
    await shop.build({ onDisk: true, wheelDirectory: "my wheels", env, workspace: { ...workspace, packages: workspace.packages.filter(({ name }) => name === "web") } });
    // What was interrupted before the key was written is made whole, and a wheel of other bytes the right one, however long they are.
    rmSync(join(shop.directory, "my wheels/debian-12", KEY));
    writeFileSync(join(shop.directory, "my wheels/debian-12/alpha-1.0-py3-none-any.whl"), "half");
    const another = join(shop.directory, "my wheels/centos-7/alpha-1.0-py3-none-any.whl");
    const right = readFileSync(another);
    writeFileSync(another, Buffer.alloc(right.length));
    await build();
    expect(readFileSync(another).equals(right)).toBe(true);
    expect(Object.keys((JSON.parse(readFileSync(join(shop.directory, "my wheels/debian-12", KEY), "utf8")) as { readonly packages: object }).packages)).toEqual(["api", "web"]);
    const target = mkdtempSync(join(tmpdir(), "caisson pip "));
    execFileSync("python3", ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--find-links", join(shop.directory, "my wheels/debian-12"), "--target", target, "alpha", "beta"], { env: { ...process.env, ...env } });
    expect(readdirSync(target)).toEqual(expect.arrayContaining(["alpha.py", "beta.py"]));
    rmSync(target, { recursive: true });
  });
});
