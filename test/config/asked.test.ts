import { expect, it } from "vitest";
import { readWorkspace, type Asked } from "../../src/config/index.ts";
import { CaissonError, parsePackageName } from "../../src/model/index.ts";
import { writeFiles } from "./write-files.ts";

const project = (name: string, more = ""): string => `[project]\nname = "${name}"\nversion = "1.0"\n${more}`;
const files = {
  "caisson.toml": '[packages.web]\npath = "web"\nextras = ["Fast"]\n[packages.api]\npath = "api"\n[packages.util]\npath = "util"\n[packages.old]\npath = "old"\n[packages.config]\nkind = "files"\npath = "config"\n',
  "web/pyproject.toml": project("web", '[project.optional-dependencies]\nfast = []\nPG_SQL = ["web[mail]"]\nmail = ["util"]\n[dependency-groups]\nprod = ["old"]\n'),
  "api/pyproject.toml": project("api", '[dependency-groups]\nPROD = [{ include-group = "obs" }]\nobs = ["util"]\n'),
  "util/pyproject.toml": project("util"),
  "old/setup.py": 'from setuptools import setup\nsetup(name="old")\n',
  "config/x": "",
};

/** `web: extras fast, pg-sql; groups prod; needs old` for each package that has or needs something. */
async function read(asked: Omit<Asked, "packages"> & { readonly packages?: readonly string[] }, of: Readonly<Record<string, string>> = files): Promise<readonly string[] | string> {
  await using place = await writeFiles(of);
  try {
    const { packages, ...choice } = asked;
    const workspace = await readWorkspace(place.ctx, ".", { ...choice, ...(packages === undefined ? {} : { packages: packages.map(parsePackageName) }) });
    return workspace.packages.filter(({ extras, groups, needs }) => extras.length + (groups ?? []).length + needs.length > 0).map(({ name, extras, groups, needs }) => `${name}: ${extras.join(" ")} | ${(groups ?? []).join(" ")} | ${needs.join(" ")}`);
  } catch (error) {
    if (!(error instanceof CaissonError) || error.code !== "usage") throw error;
    return `${error.message}; ${error.hint ?? ""}`;
  }
}

it("gives what is asked for to the packages named, normalised and once, with the siblings that it needs", async () => {
  expect(await read({ extras: ["FAST", "pg.sql"], groups: ["Prod"], packages: ["web"] })).toEqual(["web: Fast pg-sql | prod | util old"]);
  expect(await read({ extras: [], groups: [], packages: ["web"] })).toEqual(["web: Fast |  | "]);
});

it("gives it to all that have it where none is named", async () => {
  expect(await read({ extras: [], groups: ["prod"] })).toEqual(["web: Fast | prod | old", "api:  | prod | util"]);
});

it("refuses what a named package does not have, or nobody, with the list", async () => {
  expect(await read({ extras: ["pg"], groups: [], packages: ["web"] })).toBe("`web` has no extra `pg`; its extras: fast, pg-sql, mail");
  expect(await read({ extras: [], groups: ["prod"], packages: ["util"] })).toBe("`util` has no dependency group `prod`; it has none at all");
  expect(await read({ extras: [], groups: ["nope"] })).toBe("no package has the dependency group `nope`; web has prod; api has prod, obs");
});

it("lets the only package have it, and one whose back end alone knows what it has", async () => {
  expect(await read({ extras: ["any"], groups: [], packages: ["old"] })).toEqual(["web: Fast |  | ", "old: any |  | "]);
  expect(await read({ extras: [], groups: ["obs"] }, { "pyproject.toml": project("solo", '[dependency-groups]\nobs = ["x"]\n') })).toEqual(["solo:  | obs | "]);
});
