import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { makeWheel } from "../python/made-wheel.ts";
import { makeHome } from "../support/machine.ts";

function project(name: string, version: string, more = ""): string {
  return `[build-system]\nrequires = ["flit_core>=3.9,<4"]\nbuild-backend = "flit_core.buildapi"\n\n[project]\nname = "${name}"\nversion = "${version}"\ndescription = "A project"\nrequires-python = ">=3.6"\n${more}`;
}

it("row P8: what a project asks for by a repository's commit and by an address goes along as wheels, and is fetched from nowhere at the install; the project itself is there in exactly its version", () => {
  const home = makeHome();
  try {
    const [work, library, elsewhere] = ["work", "library", "elsewhere"].map((name) => join(home.directory, name)) as [string, string, string];
    for (const directory of [work, library, elsewhere]) mkdirSync(directory);
    const sh = (script: string, cwd = work): { readonly status: number | null; readonly stdout: string; readonly stderr: string } => {
      const { status, stdout, stderr } = spawnSync("sh", ["-ec", script], { cwd, env: home.env, encoding: "utf8" });
      return { status, stdout, stderr };
    };
    writeFileSync(join(library, "pyproject.toml"), project("libone", "0.7"));
    writeFileSync(join(library, "libone.py"), '"""One."""\nvalue = "by commit"\n');
    expect(sh("git init -q -b main && git add . && git commit -qm one && git tag v0.7", library)).toMatchObject({ status: 0 });
    const { fileName, bytes } = makeWheel({});
    writeFileSync(join(elsewhere, fileName), bytes);

    writeFileSync(join(work, "pyproject.toml"), project("app", "2.0", `dependencies = ["libone @ git+${pathToFileURL(library).href}@v0.7", "demo @ ${pathToFileURL(join(elsewhere, fileName)).href}"]\n[project.scripts]\napp = "app:main"\n`));
    writeFileSync(join(work, "app.py"), '"""App."""\nimport demo\nimport libone\nfrom importlib.metadata import version\n\n\ndef main():\n    print(version("app"), libone.value, demo.main())\n');
    expect(sh("git init -q -b main && git add . && git commit -qm app && caisson build --format dir")).toMatchObject({ status: 0 });
    const bundle = join(work, "dist", readdirSync(join(work, "dist")).find((name) => !name.endsWith(".sha256")) ?? "");
    expect(readdirSync(join(bundle, "data/wheels")).toSorted()).toEqual(["app-2.0-py3-none-any.whl", fileName, "libone-0.7-py3-none-any.whl"]);

    for (const gone of [library, elsewhere]) rmSync(gone, { recursive: true });
    // Proxies that lead nowhere: whatever asked the network would fail.
    expect(sh(`http_proxy=http://127.0.0.1:1 https_proxy=http://127.0.0.1:1 '${bundle}/install.sh' ../installed && ../installed/bin/app`)).toMatchObject({ status: 0, stdout: expect.stringMatching(/\nDone\.\n2\.0 by commit 0\n$/) as string, stderr: "" });
    expect(JSON.parse(readFileSync(join(bundle, "data/payload.json"), "utf8"))).toMatchObject({ distributions: [{ name: "demo", version: "1.0" }, { name: "libone", version: "0.7" }, { name: "app", version: "2.0" }] });
    expect(sh("echo '# more' >> app.py && git commit -qam more && caisson build --offline --format dir")).toMatchObject({ status: 0 });
  } finally {
    home.remove();
  }
});
