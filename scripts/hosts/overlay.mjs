/** One host as files: an overlay of the Debian root, with its own name, keys and /srv. */
import { chmodSync, copyFileSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { run } from "./commands.mjs";

/** Make the host's directories and mount its root at `<directory>/root`. /srv is a directory of this machine's disk, so that what a deploy does there is done on a plain file system. */
export async function makeOverlay(host, base, { names, addresses, key, hostKey }) {
  const { directory, root, kind, name } = host;
  const upper = join(directory, "upper");
  for (const folder of ["root", "work", "upper/etc/caisson-test", "upper/usr/bin"]) mkdirSync(join(directory, folder), { recursive: true });
  const write = (path, text) => writeFileSync(join(upper, path), text);
  write("etc/hostname", `${name}\n`);
  write("etc/hosts", ["127.0.0.1 localhost", "::1 localhost", ...names.map((other) => `${addresses.get(other)} ${other}`), ""].join("\n"));
  write("etc/machine-id", `${randomBytes(16).toString("hex")}\n`);
  copyFileSync(hostKey, join(upper, "etc/caisson-test/hostkey"));
  copyFileSync(`${key}.pub`, join(upper, "etc/caisson-test/authorized_keys"));
  writeSshdConfig(upper, kind, host.sshd);
  if (kind === "systemd") enableSshd(upper);
  // An overlay shows a character device 0/0 as nothing.
  const hidden = host.python === true ? [] : readdirSync(join(base, "usr/bin")).filter((program) => program.startsWith("python"));
  for (const program of hidden) await run(["mknod", join(upper, "usr/bin", program), "c", "0", "0"]);
  if (typeof host.python === "string") offerPython(upper, host.python);
  await run(["mount", "-t", "overlay", "caisson", "-o", `lowerdir=${escaped(base)},upperdir=${escaped(upper)},workdir=${escaped(join(directory, "work"))}`, root]);
}

/** sshd takes the first value of a word, so the asked lines go before ours. `root` is the upper directory, or the mounted root. */
export function writeSshdConfig(root, kind, lines) {
  const ours = [
    "Port 22", "HostKey /etc/caisson-test/hostkey", "AuthorizedKeysFile /etc/caisson-test/authorized_keys", `UsePAM ${kind === "systemd" ? "yes" : "no"}`, "PermitRootLogin prohibit-password",
    "PasswordAuthentication no", "KbdInteractiveAuthentication no", "LogLevel VERBOSE", "Subsystem sftp internal-sftp", "PrintMotd no", "PrintLastLog no", "AcceptEnv LANG LC_*",
  ];
  writeFileSync(join(root, "etc/caisson-test/sshd_config"), `${[...lines, ...ours].join("\n")}\n`);
}

/** An interpreter of this machine, which the host has at the same place (it may look for its library there), is the only one. */
function offerPython(upper, prefix) {
  mkdirSync(join(upper, "usr/local/bin"), { recursive: true });
  for (const program of readdirSync(join(prefix, "bin")).filter((name) => /^python[23](?:\.\d+)?$/.test(name))) symlinkSync(join(prefix, "bin", program), join(upper, "usr/local/bin", program));
  // Everyone may pass through root's home to it.
  if (!prefix.startsWith("/root/")) return;
  mkdirSync(join(upper, "root"), { recursive: true });
  chmodSync(join(upper, "root"), 0o711);
}

function enableSshd(upper) {
  mkdirSync(join(upper, "etc/systemd/system/multi-user.target.wants"), { recursive: true });
  const unit = ["[Unit]", "After=network.target systemd-user-sessions.service", "[Service]", "RuntimeDirectory=sshd", "ExecStart=/usr/sbin/sshd -D -f /etc/caisson-test/sshd_config -E /var/log/sshd.log", "KillMode=process", ""];
  writeFileSync(join(upper, "etc/systemd/system/caisson-test-sshd.service"), unit.join("\n"));
  symlinkSync("../caisson-test-sshd.service", join(upper, "etc/systemd/system/multi-user.target.wants/caisson-test-sshd.service"));
}

/** Overlay's words end at a comma, and lower directories at a colon. */
function escaped(path) {
  return path.replaceAll(/[\\,:]/g, String.raw`\$&`);
}
