import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockWorkspace } from "../../src/build/index.ts";
import { readWorkspace } from "../../src/config/index.ts";
import type { PackageName, Payload } from "../../src/model/index.ts";
import { platformPreset } from "../../src/python/index.ts";
import { serveIndex, type IndexServer } from "./index-server.ts";
import { realUv } from "./real-uv.ts";
import { makeWheel } from "./wheelhouse.ts";
import { makeWorkshop, type TestWorkshop } from "./workshop.ts";

const uv = await realUv();

/** A project with a back end of its own, so that nothing has to be fetched to build it; `requires` is what only that back end says. */
function project(name: string, dependencies: readonly string[], requires?: readonly string[]): Readonly<Record<string, string>> {
  const known = requires === undefined ? `dependencies = ${JSON.stringify(dependencies)}` : 'dynamic = ["dependencies"]';
  return {
    "pyproject.toml": `[project]\nname = "${name}"\nversion = "1.0"\n${known}\n[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n`,
    "backend.py": `
import base64, hashlib, zipfile
files = {"${name}.py": "version = 1\\n", "${name}-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
  "${name}-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: ${name}\\nVersion: 1.0\\n" + "".join("Requires-Dist: %s\\n" % r for r in ${JSON.stringify(requires ?? dependencies)})}
def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "${name}-1.0-py3-none-any.whl"
    rows = ["%s,sha256=%s,%d\\n" % (n, base64.urlsafe_b64encode(hashlib.sha256(t.encode()).digest()).rstrip(b"=").decode(), len(t.encode())) for n, t in files.items()]
    with zipfile.ZipFile(directory + "/" + name, "w") as archive:
        for n, t in files.items(): archive.writestr(n, t)
        archive.writestr("${name}-1.0.dist-info/RECORD", "".join(rows) + "${name}-1.0.dist-info/RECORD,,\\n")
    return name
`,
  };
}

function below(directory: string, files: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [`${directory}/${path}`, text]));
}

describe.skipIf(uv === undefined)("locking a workspace (needs uv)", () => {
  let server: IndexServer;
  let workshop: TestWorkshop;
  beforeEach(async () => {
    server = await serveIndex([makeWheel("alpha", "1.0"), makeWheel("beta", "1.0", { requires: ["alpha"] })]);
    workshop = await makeWorkshop({ "caisson.toml": `[workspace]\nname = "shop"\nplatforms = ["debian-12", "alpine-320"]\n[packages.web]\npath = "web"\n[packages.util]\npath = "util"\n[packages.etc]\nkind = "files"\npath = "etc"\n[index]\nurl = "${server.url}/"\nfind-links = ["wheels"]\n`, ...below("web", project("web", ["util", "beta"])), ...below("util", project("util", [], ["alpha<2"])), "etc/x": "", "wheels/x": "" });
    workshop.commit("first");
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    workshop.remove();
  });

  async function lock(request: Partial<Parameters<typeof lockWorkspace>[3]> = {}): Promise<readonly string[]> {
    const context = workshop.with({ ...workshop.context.env, PATH: [dirname(uv?.path ?? ""), workshop.context.env["PATH"]].join(delimiter), XDG_CACHE_HOME: join(workshop.directory, ".home/cache") });
    const written = await lockWorkspace(context, workshop.store, await readWorkspace(context, workshop.directory), { offline: false, ...request });
    return written.map(({ path, distributions, state }) => `${path.slice(workshop.directory.length + 1)} ${distributions} ${state}`);
  }

  it("writes a lock beside each Python package for each platform, as things are on disk, and again nothing", async () => {
    expect(await lock()).toEqual(["util/pylock.debian-12.toml 1 written", "util/pylock.alpine-320.toml 1 written", "web/pylock.debian-12.toml 2 written", "web/pylock.alpine-320.toml 2 written"]);
    expect((await lock()).map((line) => line.split(" ").at(-1))).toEqual(["unchanged", "unchanged", "unchanged", "unchanged"]);
    expect(existsSync(join(workshop.directory, "etc/pylock.debian-12.toml"))).toBe(false);
  });

  it("keeps versions that still satisfy, unless told to upgrade", async () => {
    const platforms = [platformPreset("debian-12")!];
    await lock({ platforms });
    server.files.push(makeWheel("alpha", "1.1"));
    expect(await lock({ platforms, packages: ["util" as PackageName] })).toEqual(["util/pylock.debian-12.toml 1 unchanged"]);
    expect(await lock({ platforms, packages: ["util" as PackageName], upgrade: true })).toEqual(["util/pylock.debian-12.toml 1 written"]);
    expect(readFileSync(join(workshop.directory, "util/pylock.debian-12.toml"), "utf8")).toContain('version = "1.1"');
  });

  it("names a file of the workspace from the lock's own place, so that a checkout elsewhere finds it", async () => {
    const { fileName, bytes } = makeWheel("alpha", "1.5");
    writeFileSync(join(workshop.directory, "wheels", fileName), bytes);
    await lock();
    const text = readFileSync(join(workshop.directory, "util/pylock.debian-12.toml"), "utf8");
    expect(text).toContain(`path = "../wheels/${fileName}"`);
    expect(text).not.toContain(workshop.directory);
  });

  it("writes nothing where one of them fails, and says everything that is wrong", async () => {
    workshop.write(below("web", project("web", ["nowhere"])));
    await expect(lock()).rejects.toMatchObject({ code: "requirements-broken", message: expect.stringContaining("`nowhere`") as string });
    expect([...readdirSync(join(workshop.directory, "web")), ...readdirSync(join(workshop.directory, "util"))].filter((name) => name.startsWith("pylock"))).toEqual([]);
  });

  it("refuses a package that needs none, if it is named", async () => {
    await expect(lock({ packages: ["etc" as PackageName] })).rejects.toMatchObject({ code: "usage", message: "`etc` is a package of files, which needs no lock" });
  });

  it("row P8: builds a requirement on a commit of a repository into a wheel, once, and needs the repository no more", async () => {
    workshop.write({ ...below("lib", project("lib", ["alpha"])), "lib/.gitignore": "" });
    workshop.gitIn("lib", "init", "-q");
    workshop.gitIn("lib", "add", ".");
    workshop.gitIn("lib", "commit", "-qm", "first");
    workshop.write(below("web", project("web", [`lib @ git+file://${workshop.directory.replaceAll(" ", "%20")}/lib@main`])));
    workshop.git("add", "web");
    workshop.git("commit", "-qm", "with lib");
    const request = { packages: ["web" as PackageName], platforms: [platformPreset("debian-12")!], env: { PATH: [dirname(uv?.path ?? ""), workshop.context.env["PATH"]].join(delimiter) } };
    const [first] = await workshop.build(request);
    const payload = await workshop.store.readJson<Payload>(first!.artifacts[0]!.artifact.payload.digest);
    expect(payload.distributions.map(({ name, version }) => `${name} ${version}`)).toEqual(["alpha 1.0", "lib 1.0", "web 1.0"]);
    rmSync(join(workshop.directory, "lib"), { recursive: true });
    workshop.write({ "web/more.txt": "" });
    workshop.git("add", "web");
    workshop.git("commit", "-qm", "more");
    const [second] = await workshop.build({ ...request, offline: true });
    expect(second!.artifacts[0]!.artifact.version).toBe("1.0");
  });
});
