import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeHome, type Home } from "../support/machine.ts";

let home: Home;
let folder: string;
beforeEach(() => {
  home = makeHome();
  folder = join(home.directory, "guest book");
  mkdirSync(join(folder, "templates"), { recursive: true });
});
afterEach(() => home.remove());

function sh(script: string): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const { status, stdout, stderr } = spawnSync("sh", ["-ec", script], { cwd: folder, env: home.env, encoding: "utf8" });
  return { status, stdout, stderr };
}

it("row P1: a folder with a requirements.txt becomes a release with its files in app/, which can be imported from anywhere", () => {
  writeFileSync(join(folder, "requirements.txt"), "markupsafe\n");
  writeFileSync(join(folder, "VERSION"), "3.1\n");
  writeFileSync(join(folder, "guests.py"), "import markupsafe, pathlib\ndef page(name):\n    return (pathlib.Path(__file__).parent / 'templates/page.html').read_text() % markupsafe.escape(name)\nif __name__ == '__main__':\n    print(page('<Ann>'), end='')\n");
  writeFileSync(join(folder, "templates/page.html"), "hello %s\n");
  expect(sh("caisson build")).toMatchObject({ status: 0, stdout: expect.stringMatching(/^dist\/guest-book-3\.1-\S+\.tar\.gz\n$/) as string });
  expect(sh("caisson deploy --to local:site")).toMatchObject({ status: 0 });
  const part = join(folder, "site/versions/current/guest-book");
  expect(sh(`cd / && '${part}/bin/python' -c "import guests; print(guests.page('<Bo>'), end='')" && '${part}/bin/python' '${part}/app/guests.py'`)).toMatchObject({ status: 0, stdout: "hello &lt;Bo&gt;\nhello &lt;Ann&gt;\n" });
  expect(sh(`ls '${part}/app'`).stdout).toBe("guests.py\ntemplates\n");
});

it("builds one that is nothing but requirements as those alone", () => {
  writeFileSync(join(folder, "requirements.txt"), "markupsafe\n");
  expect(sh("caisson build --format dir && rm dist/*.sha256 && mv dist/* bundle")).toMatchObject({ status: 0 });
  expect(JSON.parse(readFileSync(join(folder, "bundle/data/payload.json"), "utf8"))).toMatchObject({ trees: [expect.anything()], distributions: [{ name: "markupsafe" }] });
  expect(sh("caisson build --format wheelhouse && ls dist/*-wheelhouse").stdout).toMatch(/^dist\/guest-book-\S+-wheelhouse\nmarkupsafe-\S+\.whl\nrequirements\.txt\n$/);
});
