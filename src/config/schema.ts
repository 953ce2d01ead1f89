import { shapes, type Hook, type Mismatch, type Shape } from "../model/index.ts";

/** caisson.toml as somebody wrote it, checked key by key; how the values fit together is checked where they become a workspace. */
export interface Config {
  readonly workspace?: { readonly name?: string; readonly platforms?: readonly string[]; readonly compiler?: "host" | "zig" };
  readonly platforms?: Readonly<Record<string, PlatformConfig>>;
  readonly packages?: Readonly<Record<string, PackageConfig>>;
  readonly index?: { readonly url?: string; readonly "find-links"?: readonly string[] };
  readonly targets?: Readonly<Record<string, TargetConfig>>;
  readonly exceptions?: readonly { readonly sha256: string; readonly rule: string; readonly reason: string }[];
}

export interface PlatformConfig {
  readonly file?: string;
  readonly python?: string;
  readonly interpreter?: string;
  readonly compiler?: "host" | "zig";
}

export interface PackageConfig {
  readonly kind?: "python" | "files" | "turret";
  readonly turret?: string;
  readonly path?: string;
  readonly script?: string;
  readonly git?: string;
  readonly ref?: string;
  readonly prefix?: string;
  readonly extras?: readonly string[];
  readonly groups?: readonly string[];
  readonly needs?: readonly string[];
  readonly link?: "auto" | "copy";
  readonly processes?: Readonly<Record<string, string | ProcessConfig>>;
  readonly "pre-build"?: string;
  readonly "post-build"?: string;
  readonly start?: readonly { readonly when?: Readonly<Record<string, string>>; readonly process: string }[];
  readonly health?: string | { readonly url?: string; readonly command?: string };
  readonly hooks?: readonly HookConfig[];
}

export interface HookConfig {
  readonly at: Hook["at"];
  readonly command: string;
  readonly once?: Hook["once"];
  readonly reversible?: boolean;
  readonly timeout?: string | number;
}

export interface ProcessConfig {
  readonly command: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly requires?: readonly string[];
  readonly listen?: string;
  readonly socket?: boolean;
  readonly notify?: boolean;
  readonly schedule?: string;
}

export interface TargetConfig {
  readonly root?: string;
  readonly platform?: string;
  readonly hosts?: readonly string[];
  readonly service?: "none" | "command" | "systemd" | "systemd-user";
  readonly restart?: string;
  readonly stop?: string;
  readonly user?: string;
  readonly environment?: readonly string[];
  readonly roles?: Readonly<Record<string, { readonly hosts: readonly string[]; readonly packages: readonly string[] }>>;
  readonly rollout?: RolloutConfig;
  readonly keep?: number;
}

export interface RolloutConfig {
  readonly canary?: number;
  readonly max_parallel?: string | number;
  readonly max_failed?: number;
  readonly min_healthy?: string | number;
  readonly healthy_deadline?: string | number;
}

/** What was written, as far as it is right; what is wrong goes to `report`. */
export function readConfig(value: unknown, report: (mismatch: Mismatch) => void): Config {
  return configShape.read(value, [], report) ?? {};
}

/** The shape of caisson.toml, to be documented. */
export function configKeys(): Shape<unknown> {
  return configShape;
}

/** Seconds of a duration as the file has it. */
export function parseDuration(written: string | number): number {
  const [, count = "0", unit = "s"] = /^(\d+)([smh])$/.exec(String(written)) ?? ["", String(written)];
  return Number(count) * ({ s: 1, m: 60, h: 3600 }[unit] ?? 1);
}

const { boolean, documented, either, integer, list, object, oneOf, optional, record, text } = shapes;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const PROCESS = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

const filled = (expected: string): Shape<string> => text(expected, (word) => word.trim() !== "" && !word.includes("\0"));
const healthUrl = text("an address that begins with http://, https:// or tcp://", (word) => /^(https?:\/\/[^\s/]|tcp:\/\/[^\s/]+:\d{1,5}$)/.test(word));
const httpUrl = text("an address that begins with http:// or https://", (word) => /^https?:\/\/[^\s/]/.test(word));
const duration = either(text("a duration such as \"10s\", \"2m\"", (word) => /^\d{1,6}[smh]$/.test(word)), integer("a number of seconds"));
const command = filled("a command");
const variables = (expected: string): Shape<Readonly<Record<string, string>>> => record(text(), expected, (name) => VARIABLE.test(name));

const processTable = object({
  command: documented(command, "The program and its arguments: POSIX words, no shell; `$NAME` comes from the environment at start. The first word is looked up in the package's own `bin/` first."),
  environment: documented(optional(variables("a table of texts")), "Variables that are set for it."),
  requires: documented(optional(list(text("a variable's name", (word) => VARIABLE.test(word)))), "Variables that must be set; it does not start without them."),
  listen: documented(optional(text("`host:port`", (word) => /^\S+:\d{1,5}$/.test(word))), "Where it listens: without a `health` of the package, connections that it takes there are its health."),
  socket: documented(optional(boolean()), "Service `systemd`: it takes its listening socket over from systemd (LISTEN_FDS), which holds it open across restarts, so that nobody is refused meanwhile. Only with `listen`.", "false"),
  notify: documented(optional(boolean()), "Service `systemd`: it says when it is ready (sd_notify), and counts as started from then on.", "false"),
  schedule: documented(optional(text("systemd's OnCalendar words, \"daily\"", (word) => /^[^\s\p{Cc}][^\p{Cc}]*$/u.test(word))), "Service `systemd`: a timer starts it at these times, `daily`, `Mon..Fri 06:30`; nothing else does."),
}, "a command, or a table with `command`");

const startTable = object({
  when: documented(optional(variables("a table of variables and values")), "Variables and the values they must have; absent: always."),
  process: documented(text("a process's name"), "The process to start."),
});

const healthTable = object({
  url: documented(optional(healthUrl), "An address that answers with 2xx or 3xx; `tcp://HOST:PORT`: one that takes connections."),
  command: documented(optional(command), "A command that ends with 0."),
}, "a table with `url` or `command`");

const hookTable = object({
  at: documented(oneOf("stage", "before-activate", "after-activate", "remove"), "When: the release lies there, and nothing else has changed; right before it becomes current; when it is current and well; before `prune` removes it."),
  command: documented(command, "The program and its arguments, as a process's `command`. It runs in the release's directory, by the target's `user`."),
  once: documented(optional(oneOf("host", "stack")), "`host`: on every host. `stack`: on exactly one, the first that a deploy changes; with `at = \"before-activate\"` before any host is switched.", "\"host\""),
  reversible: documented(optional(boolean()), "Whether the release before it still works once it has run. Where not, nothing goes back across it by itself.", "true; with once = \"stack\" false"),
  timeout: documented(optional(duration), "Then it is killed with everything that it started, and has failed.", "\"10m\""),
}, "a table with `at` and `command`");

const packageTable = object({
  kind: documented(optional(oneOf("python", "files", "turret")), "What it is: a Python project, files that are installed as they are, or a load-test worker of an OCT project.", "\"python\""),
  path: documented(optional(filled("a directory")), "Its directory, in the workspace; with `git`, in that repository.", "\".\""),
  script: documented(optional(text("the path of a file, \"tools/report.py\", with no quotes, `$` or backslash in its name", (word) => /^(?:[^\0]*\/)?[^-.\p{Cc}/"'`$\\][^\p{Cc}/"'`$\\]*$/u.test(word))), "Kind `python`: the single file that it is, in place of a `path`; its header (PEP 723) says what it needs, and it becomes the command `bin/NAME`."),
  git: documented(optional(filled("an address")), "Address of the repository that it comes from, instead of this workspace."),
  ref: documented(optional(filled("a branch, tag or commit")), "With `git`: branch, tag or commit; its HEAD where left out."),
  prefix: documented(optional(text("a relative path", (word) => /^[^/\0]+(\/[^/\0]+)*$/.test(word) && !word.split("/").some((part) => part === ".." || part === "."))), "Kind `files`: the directory of a release that they are put in, `etc/shop`; its top where left out."),
  turret: documented(optional(filled("a turret's name")), "Kind `turret`: the `name` of its entry in the project's `config.json`; left out, the package's name."),
  extras: documented(optional(list(text("an extra's name", (word) => NAME.test(word)))), "Kind `python`: extras that are installed with it."),
  groups: documented(optional(list(text("a group's name", (word) => NAME.test(word)))), "Kind `python`: dependency groups of its `pyproject.toml` that are installed with it."),
  needs: documented(optional(list(text("a package's name", (word) => NAME.test(word)))), "Kind `python`: packages of this workspace that are installed with it though no file of it says so, as where a `setup.py` computes what it requires."),
  "pre-build": documented(optional(filled("a program of the package")), "Kinds `python` and `files`: a program in the package's directory that runs in a copy of it before its name and version are read and its wheel is built, or its files are taken. See [bundles](../guides/bundles.md)."),
  "post-build": documented(optional(filled("a program of the package")), "Kinds `python` and `files`: one that runs in the same copy afterwards, and says what `install.sh` does besides."),
  link: documented(optional(oneOf("auto", "copy")), "Whether a release links to installed wheels, or copies them where programs write beside their own code.", "\"auto\""),
  processes: documented(optional(record(either(command, processTable), "a table of processes", (name) => PROCESS.test(name))), "Programs of it that run, by name."),
  start: documented(optional(list(startTable)), "Which process is started: the first that fits."),
  health: documented(optional(either(healthUrl, healthTable)), "How a running release is told from a broken one."),
  hooks: documented(optional(list(hookTable)), "Programs of it that are run at moments of a release's life, in this order."),
});

const rolloutTable = object({
  canary: documented(optional(integer()), "So many hosts go first, alone.", "1"),
  max_parallel: documented(optional(either(text("a share such as \"25%\"", (word) => /^([1-9]\d?|100)%$/.test(word)), integer("a number of hosts, 1 or more", (count) => count >= 1))), "So many hosts at a time after that.", "\"25%\""),
  max_failed: documented(optional(integer()), "More failed hosts than that end the rollout.", "0"),
  min_healthy: documented(optional(duration), "A release must answer well for so long before it is confirmed.", "\"5s\""),
  healthy_deadline: documented(optional(duration), "A release that does not answer well after so long is undone.", "\"60s\""),
});

const roleTable = object({
  hosts: documented(list(text("one of the target's hosts")), "Hosts of the role, as in the target's `hosts`."),
  packages: documented(list(text("a package's name")), "Packages that go to them."),
});

const targetTable = object({
  root: documented(optional(filled("a directory")), "The directory that releases are put in; on this machine relative to the workspace, on others from the top: `/srv/shop`."),
  platform: documented(optional(filled("a platform's label")), "The platform of its hosts; left out, the only one of the stack."),
  hosts: documented(optional(list(text("a host"), "a list of hosts")), "Where it is: `user@host`, or a host of your ssh configuration, or `ssh://user@host:port`; `local` is `root` on this machine, `local:DIR` another directory.", "[\"local\"]"),
  service: documented(optional(oneOf("none", "command", "systemd", "systemd-user")), "What starts processes: nothing, your own commands, systemd, or the systemd of the user who deploys.", "\"none\""),
  restart: documented(optional(command), "Service `command`: run by sh on the host after a switch, with CAISSON_RELEASE and CAISSON_STATE."),
  stop: documented(optional(command), "Service `command`: run by sh before a release goes away."),
  user: documented(optional(text("a user's name", (word) => /^[a-z_][a-z0-9_-]{0,31}$/.test(word))), "Who runs processes and hooks, and owns `shared/`; such a user cannot write releases. Needs root on the host; left out, it is whoever deploys."),
  environment: documented(optional(list(filled("a file"), "a list of files")), "Files with values for the environment of processes, hooks and health commands, relative to the workspace; later ones win. They are read where you deploy and kept on the hosts, 0600."),
  roles: documented(optional(record(roleTable, "a table of roles", (name) => NAME.test(name))), "Which packages go to which hosts; left out, all to all."),
  rollout: documented(optional(rolloutTable), "How a deploy goes over several hosts."),
  keep: documented(optional(integer()), "Releases that `prune` keeps besides the current and the previous one.", "5"),
});

const configShape = object({
  workspace: optional(object({
    name: documented(optional(text("a name", (word) => NAME.test(word))), "The name of its stacks.", "its only package's name, or its directory's"),
    platforms: documented(optional(list(text("a platform's label"), "a list of platforms")), "What is built for, the first by default.", "this machine's own"),
    compiler: documented(optional(oneOf("host", "zig")), "What compiles C and C++ for its platforms: the compilers of the machine that builds, for its own system alone; or zig, for any glibc.", "\"host\""),
  })),
  platforms: optional(record(object({
    file: documented(optional(filled("a file")), "A complete-platform document (JSON) that describes it, relative to the workspace: what `caisson platform probe` prints, or pex. For machines that have no name here; the platform has the label of this table."),
    python: documented(optional(text("a minor version of CPython, \"3.11\"", (word) => /^3\.([6-9]|[1-9]\d)$/.test(word))), "CPython's minor version there, where it is not the system's own."),
    interpreter: documented(optional(text("`host`, or `tree:` and the name of an interpreter in the store", (word) => word === "host" || /^tree:[a-z0-9][a-z0-9.-]{0,63}$/.test(word))), "Where `bin/python` comes from: the host's own, or one that releases bring along (`caisson interpreter add`).", "\"host\"; a tree, where the system's own is too old and one is in the store"),
    compiler: documented(optional(oneOf("host", "zig")), "What compiles C and C++ for it.", "the workspace's"),
  }))),
  packages: optional(record(packageTable, "a table of packages", (name) => NAME.test(name))),
  index: optional(object({
    url: documented(optional(httpUrl), "The package index.", "uv's and pip's own settings"),
    "find-links": documented(optional(list(filled("a directory"), "a list of directories")), "Directories of wheels and sdists that are looked at besides; relative to the workspace."),
  })),
  exceptions: optional(list(object({
    sha256: documented(text("64 hex digits, a wheel's SHA-256", (word) => /^[0-9a-f]{64}$/.test(word)), "The file that may break the rule, and no other."),
    rule: documented(text("a rule such as \"W8\"", (word) => /^[A-Z]\d{1,2}$/.test(word)), "The rule: `W8` or `W9` (RECORD is wrong), `T9` or `T10` (its programs do not fit the platform, as far as they say)."),
    reason: documented(text("why it may, in one line", (word) => word.trim() !== "" && !/[\0\r\n]/.test(word)), "Why it may; recorded in what is built."),
  }, "a table with `sha256`, `rule` and `reason`"), "a list of exceptions")),
  targets: optional(record(targetTable, "a table of targets", (name) => NAME.test(name))),
});

