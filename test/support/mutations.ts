import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, utimesSync } from "node:fs";
import { join } from "node:path";
import type { Dice } from "./dice.ts";
import { backend, sourced, wheel, write } from "./forge.ts";
import { findPythons } from "./machine.ts";

/** What a mutation is given, and may say. */
export interface Anvil {
  readonly directory: string;
  readonly dice: Dice;
  readonly git: (...words: readonly string[]) => string;
  /** All that lies on disk becomes a commit. */
  readonly commit: () => void;
}

/** How a build goes after a mutation, where that is not as usual. */
export interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  /** The workspace lies somewhere else now. */
  readonly directory?: string;
  readonly onDisk?: boolean;
  readonly platform?: string;
  readonly umask?: number;
}

export interface Mutation {
  readonly name: string;
  /** How often it is thrown, beside the others. */
  readonly weight?: number;
  /** The packages whose key must change. */
  readonly changes: readonly string[];
  /** What `caisson why` names first. */
  readonly named?: RegExp;
  /** Where nothing was locked or built before, which only a build from nothing can judge. */
  readonly afresh?: boolean;
  readonly apply: (anvil: Anvil) => Surroundings | void;
}

const ALL = ["core", "web", "job", "conf"];

/** A change in the directory of a package, and those that need it. */
function inPackage(pkg: string): Pick<Mutation, "changes" | "named"> {
  return { changes: pkg === "core" ? ["core", "web"] : [pkg], named: new RegExp(`^source of ${pkg}$`) };
}

function edit({ directory }: Anvil, path: string, change: (text: string) => string): void {
  const text = readFileSync(join(directory, path), "utf8");
  const changed = change(text);
  if (changed === text) throw new Error(`the mutation changed nothing in ${path}`);
  write(directory, { [path]: changed });
}

const FILES: Readonly<Record<string, readonly string[]>> = { core: ["core/fast.c", "core/core/__init__.py"], web: ["web/web.py", "web/run.sh"], job: ["job/job.py"], conf: ["conf/forge.ini", "conf/deep/er.ini"] };
const COMMENT: Readonly<Record<string, string>> = { c: "//", py: "#", sh: "#", ini: "#", toml: "#" };

const files: readonly Mutation[] = Object.entries(FILES).flatMap(([pkg, paths]): readonly Mutation[] => [
  { name: `content of a file of ${pkg}`, weight: 4, ...inPackage(pkg), apply: (anvil) => {
    const path = anvil.dice.of(paths);
    edit(anvil, path, (text) => `${text}${COMMENT[path.split(".").at(-1) ?? ""] ?? "#"} ${anvil.dice.word()}\n`);
    anvil.commit();
  } },
  { name: `mode of a file of ${pkg}`, weight: 2, ...inPackage(pkg), apply: (anvil) => {
    const path = anvil.dice.of(paths);
    chmodSync(join(anvil.directory, path), 0o755);
    anvil.commit();
  } },
  { name: `a file more in ${pkg}`, weight: 2, ...inPackage(pkg), apply: (anvil) => {
    write(anvil.directory, { [`${pkg}/${anvil.dice.word()}.txt`]: anvil.dice.word() });
    anvil.commit();
  } },
  { name: `a file less in ${pkg}`, ...inPackage(pkg), apply: (anvil) => {
    rmSync(join(anvil.directory, anvil.dice.of(paths.filter((path) => path !== "core/fast.c"))));
    anvil.commit();
  } },
  { name: `a name of a file of ${pkg}`, weight: 2, ...inPackage(pkg), apply: (anvil) => {
    const path = anvil.dice.of(paths);
    renameSync(join(anvil.directory, path), join(anvil.directory, path.replace(/[^/]+$/, (name) => `${anvil.dice.word()}-${name}`)));
    anvil.commit();
  } },
]);

const links: readonly Mutation[] = [
  { name: "the target of a link of conf", weight: 2, ...inPackage("conf"), apply: (anvil) => {
    unlinkSync(join(anvil.directory, "conf/link.ini"));
    symlinkSync("deep/er.ini", join(anvil.directory, "conf/link.ini"));
    anvil.commit();
  } },
  { name: "a link more in web", ...inPackage("web"), apply: (anvil) => {
    symlinkSync("web.py", join(anvil.directory, `web/${anvil.dice.word()}.py`));
    anvil.commit();
  } },
];

/** Text in the place of text, in a file that is committed. */
function replaced(name: string, path: string, pattern: RegExp, by: (dice: Dice) => string, rest: Omit<Mutation, "name" | "apply">): Mutation {
  return { name, ...rest, apply: (anvil) => {
    edit(anvil, path, (text) => text.replace(pattern, by(anvil.dice)));
    anvil.commit();
  } };
}

const projects: readonly Mutation[] = [
  replaced("the version of core", "core/pyproject.toml", /version = "1\.0"/, (dice) => `version = "1.${1 + dice.number(99)}"`, inPackage("core")),
  replaced("the version of job", "job/pyproject.toml", /version = "1\.0"/, (dice) => `version = "1.${1 + dice.number(99)}"`, inPackage("job")),
  replaced("a requirement less of web", "web/pyproject.toml", /, "forge-sourced"/, () => "", inPackage("web")),
  replaced("a requirement of web", "web/pyproject.toml", /forge-tool>=1/, (dice) => `forge-tool>=0.${dice.number(99)}`, inPackage("web")),
  replaced("a requirement more of web", "web/pyproject.toml", /"forge-sourced"/, () => '"forge-sourced", "forge-extra"', inPackage("web")),
  replaced("a description of web", "web/pyproject.toml", /description = "Web"/, (dice) => `description = "${dice.word()}"`, inPackage("web")),
  replaced("a script of web", "web/pyproject.toml", /web = "web:main"/, (dice) => `${dice.word()} = "web:main"`, inPackage("web")),
  replaced("a build requirement of core", "core/pyproject.toml", /setuptools>=61/, (dice) => `setuptools>=${62 + dice.number(6)}`, inPackage("core")),
  replaced("a comment in the lock of job", "job/pylock.toml", /^/, (dice) => `# ${dice.word()}\n`, inPackage("job")),
];

/** A key of a package in caisson.toml. */
function setting(pkg: string, key: string, by: (dice: Dice) => string, named: RegExp = new RegExp(`^setting ${key}`)): Mutation {
  return { name: `${key} of ${pkg} in caisson.toml`, changes: [pkg], named, apply: (anvil) => {
    edit(anvil, "caisson.toml", (text) => text.replace(new RegExp(`(\\[packages\\.${pkg}\\]\\n(?:[a-z].*\\n)*?)(?:${key} = .*\\n|(?=\\n|\\[))`), (_, before: string) => `${before}${key} = ${by(anvil.dice)}\n`));
    anvil.commit();
  } };
}

const settings: readonly Mutation[] = [
  setting("conf", "prefix", (dice) => `"etc/${dice.word()}"`),
  setting("web", "processes.web", (dice) => `{ command = "web ${dice.word()}" }`, /^setting processes$/),
  setting("web", "extras", () => '["more"]'),
  setting("web", "link", () => '"copy"'),
  setting("web", "health", (dice) => `"http://127.0.0.1:8000/${dice.word()}"`),
  setting("job", "hooks", (dice) => `[{ at = "stage", command = "python -c ${dice.word()}" }]`),
  setting("job", "start", () => "[]\nprocesses.once = \"python\"", /^setting processes$/),
  { name: "a target in caisson.toml", weight: 2, changes: [], apply: (anvil) => {
    edit(anvil, "caisson.toml", (text) => text.replace('root = "root"', `root = "${anvil.dice.word()}"\nkeep = ${anvil.dice.number(9)}`));
    anvil.commit();
  } },
  { name: "words and space in caisson.toml", weight: 2, changes: [], apply: (anvil) => {
    edit(anvil, "caisson.toml", (text) => `# ${anvil.dice.word()}\n\n${text.replace('name = "forge"', `name = "${anvil.dice.word()}"`)}`);
    anvil.commit();
  } },
];

/** What lies around packages, and is none of theirs. */
const strangers: readonly Mutation[] = [
  { name: "a commit elsewhere", weight: 4, changes: [], apply: (anvil) => {
    write(anvil.directory, { [anvil.dice.of(["README.md", "shared/words.txt", `docs/${anvil.dice.word()}.md`])]: anvil.dice.word() });
    anvil.commit();
  } },
  { name: "uncommitted files outside of the packages", weight: 3, changes: [], apply: ({ directory, dice }) => write(directory, { [dice.of(["README.md", `${dice.word()}.txt`])]: dice.word() }) },
  { name: "uncommitted files of packages", weight: 3, changes: [], apply: ({ directory, dice }) => write(directory, { [dice.of(["web/web.py", "core/fast.c", "conf/forge.ini", `job/${dice.word()}.py`])]: dice.word() }) },
  { name: "time stamps", weight: 3, changes: [], apply: ({ directory, dice }) => {
    for (const path of Object.values(FILES).flat()) utimesSync(join(directory, path), 1 + dice.number(2_000_000_000), 1 + dice.number(2_000_000_000));
  } },
  { name: "the directory", weight: 3, changes: [], apply: ({ directory, dice }) => {
    const moved = join(directory, "..", `moved ${dice.word()} ü`);
    renameSync(directory, moved);
    return { directory: moved };
  } },
  { name: "the branch, and a tag", changes: [], apply: ({ git, dice }) => void (git("checkout", "-qb", dice.word()), git("tag", `v${dice.number(99)}.0`)) },
  { name: "the words of the last commit", weight: 2, changes: ALL, named: /^revision id$/, apply: ({ git, dice }) => void git("commit", "-q", "--amend", "-m", dice.word()) },
  { name: "the same content again, after another", changes: ["conf"], named: /^revision id$/, apply: (anvil) => {
    const before = readFileSync(join(anvil.directory, "conf/forge.ini"), "utf8");
    for (const text of [anvil.dice.word(), before]) {
      write(anvil.directory, { "conf/forge.ini": text });
      anvil.commit();
    }
  } },
];

/** What lies outside of a package's directory, and matters to it. */
const around: readonly Mutation[] = [
  { name: "how git writes files", weight: 2, changes: ALL, named: /^\.gitattributes above \w+$/, apply: (anvil) => {
    write(anvil.directory, { ".gitattributes": `*.${anvil.dice.of(["ini", "py", "c"])} text eol=crlf\n# ${anvil.dice.word()}\n` });
    anvil.commit();
  } },
  { name: "what a link that leads out of web points at", weight: 2, changes: ["web"], named: /^(?:source of web|what lies around web)$/, apply: (anvil) => {
    symlinkSync("../shared/words.txt", join(anvil.directory, "web/words.py"));
    write(anvil.directory, { "shared/words.txt": `# ${anvil.dice.word()}\n` });
    anvil.commit();
  } },
];

const variables: readonly Mutation[] = [
  { name: "variables of the environment that mean nothing to a build", weight: 6, changes: [], apply: ({ dice }) => ({ env: { [dice.of(["CFLAGS", "CC_NONE", "PYTHONPATH", "PYTHONHASHSEED", "TZ", "LANG", "LC_ALL", "UV_PRERELEASE", "UV_RESOLUTION", "PIP_NO_BINARY", "SOURCE_DATE_EPOCH", "LDFLAGS", "USER", "EDITOR", "UV_CONSTRAINT", "SETUPTOOLS_SCM_PRETEND_VERSION", "GIT_ATTR_SOURCE"])]: dice.of(["1", "de_DE.UTF-8", "/nowhere", "-O0"]) } }) },
  { name: "the umask", changes: [], apply: ({ dice }) => ({ umask: dice.of([0o000, 0o077, 0o027, 0o002]) }) },
  { name: "the time that the user gives to files on disk", weight: 2, changes: ALL, named: /^(?:revision|source of) /, apply: ({ dice }) => ({ onDisk: true, env: { SOURCE_DATE_EPOCH: String(400_000_000 + dice.number(1_000_000_000)) } }) },
];

const pythons = findPythons();

const platforms: readonly Mutation[] = [
  { name: "the platform", weight: 2, changes: ["job", "conf"], apply: ({ dice }) => ({ platform: dice.of(["debian-11", "debian-13", "rocky-9", "ubuntu-2404", "alpine-320", "debian-12-arm64", "centos-7"]) }) },
  ...pythons.filter(({ minor }) => minor === "3.12").map(({ path }): Mutation => ({ name: "the interpreter", weight: 2, changes: ALL, named: /^platform /, apply: ({ directory }) => ({ env: { PATH: firstOnPath(directory, path) } }) })),
];

/** A directory with that Python alone, before all others. */
function firstOnPath(directory: string, python: string): string {
  const bin = join(directory, ".git", "first");
  mkdirSync(bin, { recursive: true });
  for (const name of ["python3", python.split("/").at(-1) ?? ""]) symlinkSync(python, join(bin, name));
  return `${bin}:${process.env["PATH"] ?? ""}`;
}

const indexes: readonly Mutation[] = [
  { name: "a newer version in a directory of files, of what is locked", weight: 2, changes: [], apply: ({ directory, dice }) => {
    const file = dice.of([wheel("forge-tool", `1.${1 + dice.number(99)}`, { "forge_tool.py": `version = "${dice.word()}"\n` }), sourced(`1.${1 + dice.number(99)}`)]);
    write(directory, { [`wheels/${file.name}`]: file.bytes });
  } },
  { name: "a newer version in a directory of files, and nothing locked", weight: 2, afresh: true, changes: ["web"], named: /^dependencies$/, apply: ({ directory, dice }) => {
    const file = wheel("forge-tool", `1.${1 + dice.number(99)}`, { "forge_tool.py": `version = "${dice.word()}"\n` });
    write(directory, { [`wheels/${file.name}`]: file.bytes });
  } },
  { name: "a newer back end, of one that was used before", weight: 2, changes: [], apply: ({ directory, dice }) => {
    const file = backend(`1.${1 + dice.number(99)}`);
    write(directory, { [`wheels/${file.name}`]: file.bytes });
  } },
  { name: "a newer back end, and none used before", weight: 2, afresh: true, changes: ["job", "web"], named: /^tools of python/, apply: ({ directory, dice }) => {
    const file = backend(`1.${1 + dice.number(99)}`);
    write(directory, { [`wheels/${file.name}`]: file.bytes });
  } },
  { name: "files that nobody asks for in a directory of files", changes: [], apply: ({ directory, dice }) => {
    const file = wheel(dice.word(), "1.0", {});
    write(directory, { [`wheels/${file.name}`]: file.bytes });
  } },
];

export const MUTATIONS: readonly Mutation[] = [...files, ...links, ...projects, ...settings, ...strangers, ...around, ...variables, ...platforms, ...indexes];

