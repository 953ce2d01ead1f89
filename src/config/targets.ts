import { resolve } from "node:path";
import { fail, nearestWord, normalizeName, parseHostWord, rootTrouble, type HostAddress, type Mismatch, type PackageName, type Policy, type Service, type Target, type Workspace } from "../model/index.ts";
import { localHost, readHosts, remoteHost } from "./hosts.ts";
import { parseDuration, type RolloutConfig, type TargetConfig } from "./schema.ts";

type Report = (mismatch: Mismatch) => void;

/** What a target's table may refer to. */
export interface Surroundings {
  /** Absolute. */
  readonly workspace: string;
  readonly packages: readonly PackageName[];
  /** The platform's own label, for a label as it is written; undefined where the workspace does not build for it. */
  platformLabel(written: string): string | undefined;
}

/** The target that a table of caisson.toml describes; mistakes go to `report`, by their place in the table. */
export function readTarget(name: string, config: TargetConfig, around: Surroundings, report: Report): Target {
  const hosts = readHosts(config, around.workspace, report);
  const platform = config.platform === undefined ? undefined : around.platformLabel(config.platform);
  if (config.platform !== undefined && platform === undefined) report({ at: ["platform"], message: `this workspace does not build for \`${config.platform}\`` });
  return {
    name,
    ...(platform === undefined ? {} : { platform }),
    hosts: [...hosts.values()],
    roles: Object.fromEntries(Object.entries(config.roles ?? {}).map(([role, value]) => [role, readRole(role, value, hosts, around, report)])),
    service: readService(config, report),
    ...(config.user === undefined ? {} : { user: config.user }),
    ...(config.environment === undefined ? {} : { environment: config.environment.map((file) => resolve(around.workspace, file)) }),
    policy: readPolicy(config.rollout ?? {}, hosts.size),
    keep: config.keep ?? 5,
  };
}

/**
 * The target that a word of the command line means: `local:DIR`, from `cwd`, `user@host:/root`, `ssh://user@host:port/root`, or one of the workspace's by name.
 * @throws CaissonError `target-unknown`
 */
export function parseTarget(word: string, workspace: Pick<Workspace, "targets">, cwd: string): Target {
  const known = workspace.targets.find(({ name }) => name === word);
  if (known !== undefined) return known;
  if (/^local:~(?:\/|$)/.test(word)) fail({ code: "target-unknown", message: `\`${word}\` begins with \`~\`, which no shell reads behind \`local:\``, hint: `local:$HOME${word.slice("local:~".length)}, or local:./~ for a directory of that name` });
  if (word.startsWith("local:") && word !== "local:") return targetOf(word, localHost("local", resolve(cwd, word.slice("local:".length))));
  const remote = word.startsWith("local:") ? undefined : parseHostWord(word);
  if (remote?.root !== undefined) {
    const trouble = rootTrouble(remote.root);
    if (trouble !== undefined) fail({ code: "target-unknown", message: `the directory of \`${word}\` ${trouble}`, hint: "use user@host:/root" });
    return targetOf(word, remoteHost(remote, remote.name, remote.root));
  }
  const names = workspace.targets.map(({ name }) => name);
  const near = nearestWord(word, names);
  const others = "use user@host:/root, local:/dir";
  const hint = names.length === 0 ? others : `${near === undefined ? "" : `did you mean \`${near}\`? `}targets in caisson.toml: ${names.join(", ")}; or ${others}`;
  return fail({ code: "target-unknown", message: looksRemote(word) ? `\`${word}\` is not a host and a directory of it` : `there is no target \`${word}\``, hint });
}

/** Whether a word of the command line names a place by itself, so that no file needs to. */
export function namesPlace(word: string): boolean {
  return word.startsWith("local:") || looksRemote(word);
}

/** A target that is one host, with a default for everything. */
function targetOf(name: string, host: HostAddress): Target {
  return { name, hosts: [host], roles: {}, service: { kind: "none" }, policy: readPolicy({}, 1), keep: 5 };
}

function looksRemote(word: string): boolean {
  return /^(ssh:\/\/|[^\s:/]+@|[^\s:/]+:\/)/.test(word);
}

function readRole(role: string, value: { readonly hosts: readonly string[]; readonly packages: readonly string[] }, hosts: ReadonlyMap<string, HostAddress>, { packages }: Surroundings, report: Report): Target["roles"][string] {
  for (const [index, word] of value.hosts.entries()) {
    if (!hosts.has(word)) report({ at: ["roles", role, "hosts", index], message: `\`${word}\` is not among the target's hosts` });
  }
  for (const [index, word] of value.packages.entries()) {
    if (!packages.includes(normalizeName(word))) report({ at: ["roles", role, "packages", index], message: `there is no package \`${word}\``, hint: `packages: ${packages.join(", ")}` });
  }
  return { hosts: value.hosts.flatMap((word) => hosts.get(word)?.name ?? []), packages: value.packages.map(normalizeName) };
}

function readService({ service = "none", restart, stop, user }: TargetConfig, report: Report): Service {
  if (service === "command") {
    if (restart === undefined) report({ at: ["service"], message: "a target with service `command` has a `restart`", hint: "restart = \"systemctl restart shop\"" });
    return { kind: "command", restart: restart ?? "", ...(stop === undefined ? {} : { stop }) };
  }
  for (const [key, value] of Object.entries({ restart, stop })) if (value !== undefined) report({ at: [key], message: `\`${key}\` means nothing without service = "command"` });
  // A unit without one would run as root.
  if (service === "systemd" && user === undefined) report({ at: ["service"], message: "a target with service `systemd` has a `user`, who runs its processes", hint: "user = \"shop\", a user who owns nothing: useradd --system shop" });
  if (service === "systemd-user" && user !== undefined) report({ at: ["user"], message: "`user` means nothing with service = \"systemd-user\", whose processes run as who deploys" });
  if (service === "systemd") return { kind: "systemd", scope: "system" };
  if (service === "systemd-user") return { kind: "systemd", scope: "user" };
  return { kind: "none" };
}

/** Shares of a fleet are rounded down, and one host always may go. */
function readPolicy(rollout: RolloutConfig, hosts: number): Policy {
  const parallel = rollout.max_parallel ?? "25%";
  return {
    canary: rollout.canary ?? 1,
    maxParallel: typeof parallel === "number" ? parallel : Math.max(1, Math.floor((hosts * Number.parseInt(parallel, 10)) / 100)),
    maxFailed: rollout.max_failed ?? 0,
    minHealthy: parseDuration(rollout.min_healthy ?? "5s"),
    healthyDeadline: parseDuration(rollout.healthy_deadline ?? "60s"),
  };
}
