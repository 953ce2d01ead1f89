import { fail, type Units } from "../../model/index.ts";

/** Who may do what, for a file in /etc/sudoers.d. */
export interface SudoersRequest {
  /** The user who deploys. */
  readonly deployer: string;
  readonly units: Units;
  /** Directory of systemctl and journalctl there, absolute. */
  readonly bin?: string;
}

/**
 * The four argument lists that a user who is not root needs for switching releases, word for word and without a wildcard: they start, stop and read
 * the units that are there, and give no power over what those are.
 * @throws CaissonError `name-invalid` for a user whose name sudoers cannot hold
 */
export function printSudoers({ deployer, units, bin = "/usr/bin" }: SudoersRequest): string {
  if (!/^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/.test(deployer) || deployer === "ALL") fail({ code: "name-invalid", message: `\`${deployer}\` is no name of a user` });
  const { restart, stop, reset, logs } = units.commands;
  const lines = [restart, stop, reset, logs].map((words) => `${deployer} ALL=(root) NOPASSWD: ${bin}/${words.map(escapeWord).join(" ")}`);
  return `${[`Defaults:${deployer} !requiretty`, ...lines].join("\n")}\n`;
}

function escapeWord(word: string): string {
  return word.replaceAll(/[\\,:=\s"*?[\]!#]/g, "\\$&");
}
