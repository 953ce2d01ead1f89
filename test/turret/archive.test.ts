import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readTurretArchive } from "../../src/build/index.ts";
import { CaissonError } from "../../src/model/index.ts";
import { temporaryDirectory } from "../../src/system/index.ts";
import { testContext } from "../support/temporary-store.ts";
import { makeArchive } from "./made-archive.ts";

/** Everything that is said of an archive; "taken" where it is taken. */
async function verdict(directory: string, name: string): Promise<string> {
  try {
    await readTurretArchive(testContext(directory), name);
    return "taken";
  } catch (error) {
    if (!(error instanceof CaissonError)) throw error;
    return error.problems.map(({ code, file, line, message }) => [`${code}:`, ...(file === undefined ? [] : [`${file}${line === undefined ? "" : `:${line}`}:`]), message].join(" ")).join("\n");
  }
}

async function verdictOf(body: string, mode: "w" | "w:gz" = "w"): Promise<string> {
  await using scratch = await temporaryDirectory("turret archive");
  makeArchive(join(scratch.path, "evil.tar"), body, mode);
  return await verdict(scratch.path, "evil.tar");
}

describe("what an archive may not hold", () => {
  it.each([
    ["a member above its folder", 'add("../../x", b"x")', "has a member outside its folder: `../../x`"],
    ["one that goes up on its way", 'add("a/../../x", b"x")', "has a member outside its folder: `a/../../x`"],
    ["an absolute name", 'add("/etc/cron.d/x", b"x")', "has a member outside its folder: `/etc/cron.d/x`"],
    ["a device node", 'add("null", kind=tarfile.CHRTYPE)', "has a member that is neither file, directory nor link: `null`"],
    ["a fifo", 'add("pipe", kind=tarfile.FIFOTYPE)', "has a member that is neither file, directory nor link: `pipe`"],
    ["a link to the outside", 'add("a/out", kind=tarfile.SYMTYPE, link="../../etc")', "has a link that leaves its folder: `a/out` to `../../etc`"],
    ["an absolute link", 'add("out", kind=tarfile.SYMTYPE, link="/etc/passwd")', "has a link that leaves its folder: `out` to `/etc/passwd`"],
    ["a link that goes down before it goes up", 'add("out", kind=tarfile.SYMTYPE, link="a/../b")', "has a link that leaves its folder: `out` to `a/../b`"],
    ["a hard link to the outside", 'add("out", kind=tarfile.LNKTYPE, link="../../etc/passwd")', "has a link that leaves its folder: `out` to `../../etc/passwd`"],
    ["a hard link to nothing", 'add("out", kind=tarfile.LNKTYPE, link="later")', "has a link to a file that is not in it: `out` to `later`"],
    ["a file below a link", 'add("a", kind=tarfile.SYMTYPE, link="b"); add("a/x", b"x")', "has a member below one that is no directory: `a/x`"],
    ["a link where a directory was", 'add("a/x", b"x"); add("a", kind=tarfile.SYMTYPE, link="b")', "has two members of different kinds by one name: `a`"],
    ["a file where a link was", 'add("a", kind=tarfile.SYMTYPE, link="b"); add("a", b"x")', "has two members of different kinds by one name: `a`"],
    ["a name that is no text", 'add("\\udce9.py", b"x")', "has a member whose name is not UTF-8: `\ufffd.py`"],
    ["a folder that is a link", 'add(".", kind=tarfile.SYMTYPE, link="b")', "has a member outside its folder: `.`"],
    ["no config.json", "script()", "has no `config.json`, so it is no turret's"],
    ["a config.json that is too large", 'add("config.json", b" " * 2000000)', "has a `config.json` that is too large"],
  ])("row O13: %s", async (_, member, message) => {
    const body = message.includes("config.json") ? member : `config(); script(); ${member}`;
    expect(await verdictOf(body)).toBe(`archive-invalid: \`evil.tar\` ${message}`);
    expect(await verdictOf(body, "w:gz")).toBe(`archive-invalid: \`evil.tar\` ${message}`);
  });

  it("row O13: an archive that is cut short anywhere, plain or compressed", async () => {
    await using scratch = await temporaryDirectory("turret archive");
    for (const mode of ["w", "w:gz"] as const) {
      const path = join(scratch.path, "evil.tar");
      makeArchive(path, 'config(); script(); add("templates/page", os.urandom(3000))', mode);
      const { size } = statSync(path);
      const whole = readFileSync(path);
      // The plain one ends with zeros that nobody misses, down to the two blocks that mark its end.
      const end = mode === "w" ? 512 * (1 + 1 + 1 + 1 + 1 + 6 + 2) : size;
      for (const length of [0, 100, 512, 513, 1024, 2000, end - 600, end - 1].filter((each) => each < end)) {
        writeFileSync(path, whole);
        truncateSync(path, length);
        expect(await verdict(scratch.path, "evil.tar"), `${mode} ${length}`).toMatch(/^archive-invalid: `evil.tar` (?:is cut short|is damaged or cut short|is empty|is not a turret's archive)/);
      }
    }
  });

  it("row O13: what is no archive, and what is not there", async () => {
    await using scratch = await temporaryDirectory("turret archive");
    writeFileSync(join(scratch.path, "text"), "#!/bin/sh\n");
    expect(await verdict(scratch.path, "text")).toBe("archive-invalid: `text` is not a turret's archive: neither tar nor tar.gz");
    expect(await verdict(scratch.path, "nothing.tar")).toBe("archive-invalid: there is no file `nothing.tar`");
    expect(await verdict(scratch.path, ".")).toBe("archive-invalid: `.` is not a file");
  });
});

describe("what its config.json must say", () => {
  it.each([
    ["all that is missing at once", "config(name=None, cannons=None, script=None, hq_address=None, hq_rc=None, hq_publisher=None)", ["name", "cannons", "script", "hq_address", "hq_publisher", "hq_rc"].map((key) => `config-invalid: evil.tar/config.json: \`${key}\` is missing`).join("\n")],
    ["wrong types, each with its line", 'config(cannons="two", hq_rc=70000)', "config-invalid: evil.tar/config.json:1: `cannons` is `two`\nconfig-invalid: evil.tar/config.json:1: `hq_rc` is `70000`"],
    ["two spellings that differ", "config(canons=3)", "config-invalid: evil.tar/config.json:1: `cannons` and `canons` mean the same, and say different things"],
    ["a script that did not come along", 'config(script="other.py")', "config-invalid: evil.tar/config.json: the script `other.py` is not in the archive"],
    ["JSON, with line and column", 'add("config.json", b"{\\n  \\"name\\": navigation\\n}")', "config-invalid: evil.tar/config.json:2: not valid JSON: line 2, column 11: `navigation` is no value; texts stand in double quotes"],
    ["a table", 'add("config.json", b"[]")', "config-invalid: evil.tar/config.json:1: the file holds no table"],
    ["a format that is known here", 'config(caisson={"format": 2, "version": "9.9"})', "archive-invalid: evil.tar/config.json: this turret is of format 2, and the newest that is read here is 1"],
    ["requirements that are some", 'config(caisson={"format": 1, "requirements": ["-r x"]})', "config-invalid: evil.tar/config.json:1: caisson.requirements[0] is `-r x`"],
  ])("row O13: %s", async (_, config, verdicts) => {
    expect(await verdictOf(`${config}; script()`)).toBe(verdicts);
  });

  it("row O13: a setup.py by hand that says what it needs in other words than a list", async () => {
    expect(await verdictOf('config(); script(); add("setup.py", b"install_requires=open(1).read()")')).toBe("config-invalid: evil.tar/setup.py: `install_requires` is not a plain list of texts, and it is not run to find out");
    expect(await verdictOf('config(); script(); add("setup.py", b"install_requires=[\'six\', \'--upgrade\']")')).toBe("config-invalid: evil.tar/setup.py: install_requires[1] is `--upgrade`");
  });
});

describe("what is taken", () => {
  it("row O8: .tar and .tar.gz in all dialects of Python's tarfile, with long names, links inside, and a member twice", async () => {
    await using scratch = await temporaryDirectory("turret archive");
    const long = `${"deep/".repeat(40)}page.html`;
    for (const mode of ["w", "w:gz"] as const) {
      for (const format of ["GNU", "PAX", "USTAR"] as const) {
        const target = join(scratch.path, `${mode} ${format}`.replace(":", ""));
        makeArchive(join(scratch.path, "n"), [
          'config(canons=3, cannons=None); script("first"); script("second")',
          'add("templates", kind=tarfile.DIRTYPE); add("./templates/\u00e4.html", b"a"); add("run.sh", b"#!/bin/sh", mode=0o755)',
          'add("templates/same.html", kind=tarfile.LNKTYPE, link="templates/\u00e4.html"); add("templates/up", kind=tarfile.SYMTYPE, link="../run.sh")',
          format === "USTAR" ? "" : `add("${long}", b"deep"); add("${long}.link", kind=tarfile.SYMTYPE, link="${"x".repeat(150)}")`,
        ].join("\n"), mode, format);
        const archive = await readTurretArchive(testContext(scratch.path), "n");
        await archive.extract(target);
        const read = (name: string): string => readFileSync(join(target, name), "utf8");
        expect([read("test_scripts/v_user.py"), read("templates/same.html"), read("templates/up")]).toEqual(["second", "a", "#!/bin/sh"]);
        expect(statSync(join(target, "run.sh")).mode & 0o777).toBe(0o755);
        expect(existsSync(join(target, long))).toBe(format !== "USTAR");
        // Each generation of the turret program finds the number of cannons under its own spelling.
        expect(JSON.parse(read("config.json"))).toMatchObject({ canons: 3, cannons: 3 });
      }
    }
  });

  it("row O8: what tar itself writes of a folder, with a leading ./", async () => {
    await using scratch = await temporaryDirectory("turret archive");
    makeArchive(join(scratch.path, "n.tar"), "config(); script()");
    execFileSync("sh", ["-c", "mkdir folder && tar -C folder -xf n.tar && tar -C folder -czf again.tar.gz ."], { cwd: scratch.path });
    const archive = await readTurretArchive(testContext(scratch.path), "again.tar.gz");
    await archive.extract(join(scratch.path, "target"));
    expect(readdirSync(join(scratch.path, "target")).toSorted()).toEqual(["config.json", "test_scripts"]);
  });

  it.each([
    ["the original's, with what it puts around", "setup(\n    name='navigation',\n    version='0.1',\n    install_requires=[\n        \n        'requests>=2',\n        \n        'six; python_version < \"3\"',\n        \n        'oct-turrets'\n    ]\n)\n", ["requests>=2", 'six; python_version < "3"', "oct-turrets"]],
    ["an empty list", "setup(install_requires=[])", []],
    ["none at all", "setup(name='x')", []],
  ])("row O7: the requirements of a setup.py: %s", async (_, setup, requirements) => {
    await using scratch = await temporaryDirectory("turret archive");
    makeArchive(join(scratch.path, "n.tar"), `config(); script(); add("setup.py", ${JSON.stringify(setup)}.encode())`);
    expect((await readTurretArchive(testContext(scratch.path), "n.tar")).requirements).toEqual(requirements);
  });
});
