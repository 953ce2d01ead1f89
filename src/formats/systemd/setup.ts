import type { PackageName, Units } from "../../model/index.ts";
import { quoteWord } from "../shell-word.ts";
import { printSudoers } from "./sudoers.ts";

/** What an administrator makes on a host whose deploy user is not root. */
export interface SetupRequest {
  readonly deployer: string;
  readonly stack: PackageName;
  /** The target's directory there, absolute. */
  readonly root: string;
  readonly units: Units;
}

/**
 * A script for root's sh: users, directories, units and a file for sudo, as the deploy user needs them and cannot make them. Run again it changes nothing,
 * and again after the process table has changed it makes what is new and removes what is gone.
 * What a unit is stays in root's hands: who could write one would be root in all but name.
 * @throws CaissonError `name-invalid`
 */
export function printSetup({ deployer, stack, root, units }: SetupRequest): string {
  const { user } = units;
  const names = units.files.map(({ name }) => name);
  const [owner = ""] = units.files[0]?.text.split("\n") ?? [];
  const sudoers = `/etc/sudoers.d/caisson-${stack}`;
  return `${[
    "#!/bin/sh",
    `# Lets \`${deployer}\` deploy \`${stack}\` here; to be run by root, and again when the processes of \`${stack}\` have changed.`,
    "set -eu",
    "umask 022",
    ...(user === undefined ? [] : [`id ${user} >/dev/null 2>&1 || useradd --system --shell /usr/sbin/nologin ${user}`]),
    `mkdir -p ${quoteWord(root)} ${quoteWord(`${root}/shared`)}`,
    `chown ${deployer} ${quoteWord(root)}`,
    ...(user === undefined ? [] : [`chown ${user} ${quoteWord(`${root}/shared`)}`]),
    ...units.files.flatMap(({ name, text }) => writeLines(`/etc/systemd/system/${name}`, text)),
    "for unit in /etc/systemd/system/caisson-*; do",
    '\tcase ${unit##*/} in',
    `\t${names.join(" | ")}) continue ;;`,
    "\tesac",
    `\tif [ -f "$unit" ] && [ "$(head -n 1 "$unit")" = ${quoteWord(owner)} ]; then`,
    '\t\tsystemctl stop "${unit##*/}"',
    '\t\trm "$unit"',
    "\tfi",
    "done",
    ...writeLines(`${sudoers}.new`, printSudoers({ deployer, units })),
    `chmod 440 ${sudoers}.new`,
    `visudo -cqf ${sudoers}.new`,
    `mv ${sudoers}.new ${sudoers}`,
    "systemctl daemon-reload",
    `systemctl enable --quiet caisson-${stack}.target`,
  ].join("\n")}\n`;
}

function writeLines(path: string, text: string): readonly string[] {
  return [`cat > ${path} <<'${END}'`, ...text.trimEnd().split("\n"), END];
}

/** No line of a unit or of sudoers is this. */
const END = "END_OF_FILE";
