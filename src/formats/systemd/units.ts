import { compareBytewise, type PackageName, type Process, type Unit, type Units } from "../../model/index.ts";
import { commandWord, settingText, settingWord } from "./quote.ts";

/** All that decides the units of a stack on a host. */
export interface UnitsRequest {
  readonly stack: PackageName;
  /** The target's directory there, absolute. */
  readonly root: string;
  /** `user`: the systemd of whoever deploys. */
  readonly scope: "system" | "user";
  /** Who runs the processes; only with scope `system`. */
  readonly user?: string;
  /** The processes that are started, by package. */
  readonly packages: readonly { readonly package: PackageName; readonly processes: readonly Process[] }[];
}

/**
 * The units of a stack's processes: the same for every release, as long as the process table is. They start `versions/current/<package>/processes/<process>`,
 * which finds its own release once, so that a switch needs a restart and nothing else. A target starts them all when the host does.
 * Sorted by name.
 * @throws CaissonError `name-invalid` where the directory cannot stand in a unit
 */
export function unitsOf(request: UnitsRequest): Units {
  const { user } = request;
  const parts = request.packages.flatMap((pkg) => pkg.processes.flatMap((process) => unitsOfProcess(request, pkg.package, process))).toSorted((a, b) => compareBytewise(a.unit.name, b.unit.name));
  const target = groupName(request.stack);
  const files = [{ name: target, text: targetText(request, parts) }, ...parts.map(({ unit }) => unit)].toSorted((a, b) => compareBytewise(a.name, b.name));
  const names = files.map(({ name }) => name);
  const started = new Set(parts.flatMap(({ unit: { name }, wanted }) => (wanted && !name.endsWith(".socket") ? [name] : [])));
  const manager = request.scope === "user" ? ["systemctl", "--user"] : ["systemctl"];
  const journal = request.scope === "user" ? ["journalctl", "--user"] : ["journalctl"];
  return {
    files,
    ...(user === undefined ? {} : { user }),
    commands: {
      // Each by its name: what hangs while it starts would not be started anew with its target. Never a socket, whose port stays open. The target last, which starts what is not named.
      restart: [...manager, "--no-block", "restart", ...names.filter((name) => started.has(name)), target],
      stop: [...manager, "stop", ...names],
      reset: [...manager, "reset-failed", ...names],
      logs: [...journal, "--no-pager", "--output", "json", "--lines", "1000", ...names.filter((name) => name.endsWith(".service")).flatMap((name) => [request.scope === "user" ? "--user-unit" : "--unit", name])],
    },
  };
}

/** `caisson-shop.target` */
export function groupName(stack: PackageName): string {
  return `caisson-${stack}.target`;
}

interface Part {
  readonly unit: Unit;
  /** The target starts it; what a timer starts, only that timer does. */
  readonly wanted: boolean;
}

function unitsOfProcess(request: UnitsRequest, owner: PackageName, process: Process): readonly Part[] {
  const name = `caisson-${request.stack}-${owner}-${process.name}`;
  const part = (kind: "service" | "socket" | "timer", lines: readonly string[], wanted: boolean): Part => ({ unit: { name: `${name}.${kind}`, text: unitText(request, lines), package: owner, process: process.name }, wanted });
  const scheduled = process.schedule !== undefined;
  const takesSocket = process.socket === true && process.listen !== undefined;
  return [
    part("service", serviceLines(request, owner, process, takesSocket ? `${name}.socket` : undefined), !scheduled),
    ...(takesSocket ? [part("socket", ["[Unit]", `Description=The socket of ${process.name} (${owner} of ${request.stack})`, "", "[Socket]", `ListenStream=${settingText(socketAddress(process.listen))}`], true)] : []),
    ...(scheduled ? [part("timer", ["[Unit]", `Description=When to start ${process.name} (${owner} of ${request.stack})`, "", "[Timer]", `OnCalendar=${settingText(process.schedule)}`, "AccuracySec=1s"], true)] : []),
  ];
}

/** systemd listens at addresses, not at names. */
function socketAddress(listen: string): string {
  return listen.replace(/^localhost:/, "127.0.0.1:").replace(/^\*?:(?=\d+$)/, "");
}

function serviceLines(request: UnitsRequest, owner: PackageName, process: Process, socket: string | undefined): readonly string[] {
  const { root, scope, stack, user } = request;
  const scheduled = process.schedule !== undefined;
  return [
    "[Unit]",
    `Description=${process.name} (${owner} of ${stack})`,
    ...(scheduled ? [] : ["StartLimitIntervalSec=60", "StartLimitBurst=40"]),
    ...(scope === "system" ? ["After=network.target"] : []),
    ...(socket === undefined ? [] : [`Requires=${socket}`, `After=${socket}`]),
    "",
    "[Service]",
    `Type=${scheduled ? "oneshot" : process.notify === true ? "notify" : "exec"}`,
    // By sh, which SELinux lets systemd start wherever the script lies.
    `ExecStart=/bin/sh ${commandWord(`${root}/versions/current/${owner}/processes/${process.name}`)}`,
    `EnvironmentFile=-${settingText(`${root}/env/${owner}`)}`,
    "Environment=PYTHONUNBUFFERED=1",
    `SyslogIdentifier=${process.name}`,
    ...(scheduled ? [] : ["Restart=always", "RestartSec=2", `RestartPreventExitStatus=${MISUSED}`]),
    "KillMode=mixed",
    "TimeoutStopSec=30",
    ...(user === undefined ? [] : [`User=${settingText(user)}`]),
    "NoNewPrivileges=yes",
    "LockPersonality=yes",
    "RestrictSUIDSGID=yes",
    // A user's systemd can make nothing read-only, and its processes belong to who deploys.
    ...(scope === "system" ? ["ProtectControlGroups=yes", `ReadOnlyPaths=${["trees", "versions"].map((folder) => settingWord(`-${root}/${folder}`)).join(" ")}`] : []),
  ];
}

/** What a launcher ends with when a variable is missing: starting it again would not set it. */
const MISUSED = 64;

function targetText(request: UnitsRequest, parts: readonly Part[]): string {
  const wanted = parts.filter((part) => part.wanted).map(({ unit }) => unit.name);
  return unitText(request, [
    "[Unit]",
    `Description=The processes of ${request.stack}`,
    ...wanted.map((name) => `Wants=${name}`),
    "",
    "[Install]",
    `WantedBy=${request.scope === "system" ? "multi-user.target" : "default.target"}`,
  ]);
}

/** The first line says whose the file is; only those are ever replaced or removed. */
function unitText({ root }: UnitsRequest, lines: readonly string[]): string {
  return [`# Made by Caisson for ${settingText(root)} ;`, "# What is to be different goes into a drop-in (systemctl edit), which stays.", ...lines, ""].join("\n");
}
