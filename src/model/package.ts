import type { EpochSeconds } from "./digest.ts";
import type { PackageName } from "./name.ts";

export type PackageKind = "python" | "files" | "turret";

/** A package's source at one commit; or a directory by the hash of its content. */
export interface Revision {
  /** A commit's 40 hex digits, or the SHA-256 hex of the content. */
  readonly id: string;
  readonly time: EpochSeconds;
  /** The files on disk, committed or not. */
  readonly dirty: boolean;
  readonly ref?: string;
  readonly url?: string;
}

/** A program of a package that can be started: POSIX words without a shell; `$NAME` and `${NAME}` come from the environment at start. */
export interface Process {
  readonly name: string;
  /** The first word is looked up in the package's own `bin/` first. */
  readonly argv: readonly string[];
  readonly environment: { readonly [name: string]: string };
  /** Environment variables that must be set. */
  readonly requires: readonly string[];
  /** `host:port` that the process listens on. */
  readonly listen?: string;
  /** It takes over its listening socket from systemd (LISTEN_FDS), which holds it across restarts. Only with `listen`. */
  readonly socket?: boolean;
  /** It tells its service manager when it is ready (sd_notify). */
  readonly notify?: boolean;
  /** systemd OnCalendar words: a timer starts it. */
  readonly schedule?: string;
}

/** Which process a package starts: the first whose variables all have the wanted values. */
export interface Start {
  readonly when?: { readonly [name: string]: string };
  readonly process: string;
}

/** A program run at one moment of a release's life; its words are read as a process's are. */
export interface Hook {
  readonly at: "stage" | "before-activate" | "after-activate" | "remove";
  readonly argv: readonly string[];
  /** On every host, or on exactly one of a deploy's. */
  readonly once: "host" | "stack";
  /** Whether the release before it still works once it has run. Where not, nothing goes back across it by itself. */
  readonly reversible: boolean;
  /** Seconds; then it is killed with everything that it started. */
  readonly timeout: number;
}

/** What people and journals call a hook: `shop-web before-activate: shop-web migrate`. Nothing in it moves a terminal's cursor. */
export function hookName(name: PackageName, { at, argv }: Pick<Hook, "at" | "argv">): string {
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  return `${name} ${at}: ${argv.join(" ").replaceAll(/[\x00-\x1f\x7f]/g, "?")}`;
}

/** How a running release is told from a broken one: an HTTP address that answers 2xx or 3xx, a TCP one (`tcp://host:port`) that takes connections, or a command that ends with 0; neither where only its processes are looked at. */
export interface Health {
  readonly url?: string;
  /** The first word is looked up in the package's own `bin/` first. */
  readonly argv?: readonly string[];
}

/** A package's directory in this workspace; undefined for one that comes from another repository. */
export function directoryHere({ source }: Pick<Package, "source">): string | undefined {
  return "git" in source ? undefined : source.path;
}

/** Whether programs of its own run when it is built, so that what comes out depends on what they find on the machine. */
export function hasBuildScripts({ preBuild, postBuild }: Package): boolean {
  return preBuild !== undefined || postBuild !== undefined;
}

/** Something we know how to build. */
export interface Package {
  readonly name: PackageName;
  /** The name as its author wrote it; file names use it. */
  readonly written: string;
  readonly kind: PackageKind;
  readonly source: { readonly path: string } | { readonly git: string; readonly ref: string; readonly path?: string };
  /** Packages of this workspace that it needs at run time. */
  readonly needs: readonly PackageName[];
  readonly extras: readonly string[];
  /** Dependency groups that are installed with it; none where absent. */
  readonly groups?: readonly string[];
  /** Kind python: the pyproject.toml of the uv workspace around it, from its directory, where that says where requirements come from: `../pyproject.toml`. */
  readonly sourcesFrom?: string;
  /** Nobody wrote it down: another package takes it as it lies on disk. It is built where somebody needs or names it. */
  readonly implied?: true;
  /** Kind python, of a single file: its name, in the directory of `source`. */
  readonly script?: string;
  /** Programs of its own that run before its wheel is built, and after; paths in its directory. */
  readonly preBuild?: string;
  readonly postBuild?: string;
  /** Kind turret: the name of its entry in the project's config.json. */
  readonly turret?: string;
  /** Directory below the part into which a `files` package puts its files, `etc/shop`; "" for none. */
  readonly prefix: string;
  readonly link: "auto" | "copy";
  readonly processes: readonly Process[];
  readonly start: readonly Start[];
  readonly hooks: readonly Hook[];
  readonly health?: Health;
}
