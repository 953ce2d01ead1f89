/** The Debian that every host of kind `namespace` and `systemd` is an overlay of: made once per checkout by debootstrap, about 80 s and 300 MB. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./commands.mjs";

const cache = join(import.meta.dirname, "../../.cache/hosts");

/** python3-venv and rsync for the peers that benches run, the shells for accounts that are not friendly to programs, faketime for clocks that are wrong (sshd_config: `SetEnv LD_PRELOAD=... FAKETIME=+10y`). */
const packages = ["openssh-server", "python3", "python3-venv", "rsync", "sudo", "procps", "iproute2", "systemd", "systemd-sysv", "dbus", "libpam-systemd", "dbus-user-session", "busybox-static", "tcsh", "fish", "faketime", "strace"];

/**
 * Accounts that the key opens, beside root. deploy has no rights of its own and a `systemd --user` that lingers; the others are deploy's troubles with login shells.
 * An account made by useradd has `!` for its password, which sshd without PAM refuses; `*` it takes.
 */
const setUp = `set -e
export DEBIAN_FRONTEND=noninteractive
account() { useradd --create-home --shell "$2" "$1"; usermod --password '*' "$1"; }
usermod --password '*' root
account deploy /bin/bash
account noisy /bin/bash
account fish /usr/bin/fish
account tcsh /bin/tcsh
ln -s /bin/busybox /bin/ash
account ash /bin/ash
account nologin /usr/sbin/nologin
printf 'echo "Welcome to $(hostname)"\\necho "mind the step" >&2\\n' > /home/noisy/.bashrc
mkdir -p /home/fish/.config/fish && printf 'echo "Welcome, fish"\\n' > /home/fish/.config/fish/config.fish
printf 'echo Welcome to tcsh\\n' > /home/tcsh/.tcshrc
chown -R fish: /home/fish
chown tcsh: /home/tcsh/.tcshrc
chown noisy: /home/noisy/.bashrc
mkdir -p /var/lib/systemd/linger /run/sshd /etc/caisson-test
touch /var/lib/systemd/linger/deploy
rm -f /etc/ssh/ssh_host_*
for unit in ssh.service ssh.socket getty.target console-getty.service systemd-firstboot.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer man-db.timer systemd-logind-varlink.socket; do ln -sf /dev/null "/etc/systemd/system/$unit"; done
chown deploy: /srv
apt-get clean
rm -rf /var/lib/apt/lists/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/* /var/cache/man
rm -f /etc/machine-id /var/lib/dbus/machine-id
`;

/** Where it is; makes it when it is not there. One process makes it, the others wait. */
export async function debianRoot(say = () => undefined) {
  const { suite, mirror } = configuredMirror();
  const recipe = createHash("sha256").update(JSON.stringify([packages, setUp])).digest("hex").slice(0, 8);
  const root = join(cache, `${suite}-${recipe}`);
  if (existsSync(root)) return root;
  mkdirSync(cache, { recursive: true });
  say(`making the hosts' Debian (${suite}, once per checkout, a minute or two) ...`);
  await run(["flock", join(cache, "lock"), process.execPath, import.meta.filename, root, suite, mirror]);
  return root;
}

/** Under the lock. Made beside its place and renamed, so that what is there is whole. */
async function make(root, suite, mirror) {
  if (existsSync(root)) return;
  for (const name of readdirSync(cache)) {
    if (name.startsWith("making-")) rmSync(join(cache, name), { recursive: true, force: true });
  }
  const making = join(cache, `making-${process.pid}`);
  const proxy = /'(?<address>.*)'/.exec(await run(["apt-config", "shell", "proxy", "Acquire::http::Proxy"]))?.groups?.address;
  await run(["debootstrap", "--variant=minbase", `--include=${packages.join(",")}`, suite, making, mirror], { env: { ...process.env, ...proxy && { http_proxy: proxy } } });
  writeFileSync(join(making, "set-up"), setUp);
  await run(["chroot", making, "/bin/sh", "/set-up"]);
  rmSync(join(making, "set-up"));
  renameSync(making, root);
  // Of earlier recipes; one that hosts stand on stays until the next time.
  const mounts = readFileSync("/proc/self/mountinfo", "utf8");
  const old = readdirSync(cache).filter((name) => name.startsWith(`${suite}-`) && join(cache, name) !== root && !mounts.includes(join(cache, name)));
  for (const name of old) rmSync(join(cache, name), { recursive: true, force: true });
}

/** The mirror that this machine's own apt uses for its own suite: /etc/apt/sources.list and sources.list.d, both ways of writing. */
function configuredMirror() {
  const suite = /^VERSION_CODENAME=(?<name>.*)$/m.exec(readFileSync("/etc/os-release", "utf8"))?.groups?.name ?? "";
  const places = ["/etc/apt/sources.list", ...existsSync("/etc/apt/sources.list.d") ? readdirSync("/etc/apt/sources.list.d").map((name) => `/etc/apt/sources.list.d/${name}`) : []];
  const entries = places.filter((path) => existsSync(path)).flatMap((path) => (path.endsWith(".sources") ? stanzas(readFileSync(path, "utf8")) : lines(readFileSync(path, "utf8"))));
  const found = entries.find(({ suites }) => suites.includes(suite));
  if (found === undefined) throw new Error(`no mirror of \`${suite}\` in /etc/apt/sources.list or sources.list.d`);
  return { suite, mirror: found.uri };
}

function stanzas(text) {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const word = (name) => new RegExp(`^${name}:(.*)$`, "mi").exec(stanza)?.[1]?.trim().split(/\s+/) ?? [];
    return word("Types").includes("deb") ? word("URIs").map((uri) => ({ uri, suites: word("Suites") })) : [];
  });
}

function lines(text) {
  return text.split("\n").map((line) => /^deb\s+(?:\[[^\]]*\]\s+)?(?<uri>\S+)\s+(?<suite>\S+)/.exec(line.trim())?.groups).filter((found) => found !== undefined).map(({ uri, suite }) => ({ uri, suites: [suite] }));
}

if (process.argv[1] === import.meta.filename) await make(...process.argv.slice(2));
