/** The same application brought to the same hosts by others: what teams use instead, each as its own pages say. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PLACE } from "./ground.mjs";

/**
 * What each contender runs. `first`: to an empty host, where that is something else than `deploy`; `same`: once more; `before`: what is built before it is deployed, and not timed.
 * @typedef {{ name: string, cwd?: string, env?: Record<string, string>, before?: () => void, first?: () => readonly string[], deploy: () => readonly string[], same?: () => readonly string[], rollback?: (version: number) => readonly string[] }} Contender
 */
export function makeContenders({ ground, hosts, application, directory, count }) {
  const names = hosts.names.slice(0, count);
  mkdirSync(directory, { recursive: true });
  return [caisson(ground, application, count), floor(names, application), rsyncScript(names, application), platterRecipe(names, application, directory), ansible(ground, hosts, names, application, directory), pyinfra(ground, hosts, names, application, directory)];
}

function caisson(ground, application, count) {
  return {
    name: "caisson",
    cwd: application.application,
    first: () => withoutBytecode(ground, application, count),
    deploy: () => [...ground.caisson, "deploy", `r${application.version()}`, "--to", `t${count}`, "--yes"],
    rollback: (to) => [...ground.caisson, "rollback", "--to", `t${count}`, "--to-release", `r${to}`, "--yes"],
  };
}

/** Nobody else makes bytecode on a host: the plan of a first deploy, with that left out of it. */
function withoutBytecode(ground, application, count) {
  const [program, ...words] = ground.caisson;
  const file = join(application.application, "plan.json");
  execFileSync(program, [...words, "deploy", `r${application.version()}`, "--to", `t${count}`, "--plan-out", file, "--yes"], { cwd: application.application, env: application.env, stdio: "ignore" });
  const plan = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...plan, hosts: plan.hosts.map((host) => ({ ...host, steps: host.steps.map((step) => (step.step === "tree" ? { ...step, bytecode: false } : step)) })) }));
  return [...ground.caisson, "deploy", "plan.json", "--yes"];
}

/** Every host at the same time, and the first failure counts. */
function onAll(names, script) {
  return ["sh", "-c", `set -e; pids=; for h in ${names.join(" ")}; do ( set -e; ${script} ) & pids="$pids $!"; done; for p in $pids; do wait $p; done`];
}

/** One connection and one command that knows the difference beforehand and checks nothing: what no deploy can be faster than. */
function floor(names, { site, version }) {
  const root = `${PLACE}/floor`;
  return {
    name: "floor",
    first: () => onAll(names, `tar -C ${site} -cz . | ssh $h "mkdir -p ${root}/${version()} && tar -C ${root}/${version()} -xz && ln -s ${version()} ${root}/current"`),
    deploy: () => onAll(names, `tar -C ${site} -cz lib/hundred/__init__.py | ssh $h "cd ${root} && cp -al \\$(readlink current) ${version()} && tar -C ${version()} --unlink-first -xz && ln -s ${version()} new && mv -T new current"`),
    same: () => onAll(names, `ssh $h "readlink ${root}/current" > /dev/null`),
    rollback: (to) => onAll(names, `ssh $h "cd ${root} && ln -s ${to} new && mv -T new current"`),
  };
}

/** As Capistrano does it: a directory for each release, what has not changed linked to the one before, and a symlink to switch. */
function rsyncScript(names, { site, version }) {
  const root = `${PLACE}/rsync`;
  const release = () => `${root}/releases/${version()}`;
  return {
    name: "rsync script",
    deploy: () => onAll(names, `ssh $h "mkdir -p ${root}/releases"; rsync -a --link-dest=${root}/current/ ${site}/ $h:${release()}/; ssh $h "cd ${root} && ln -sfn ${release()} current.new && mv -T current.new current && ls -1dt releases/* | tail -n +6 | xargs -r rm -rf"`),
    rollback: (to) => onAll(names, `ssh $h "cd ${root} && ln -sfn releases/${to} current.new && mv -T current.new current"`),
  };
}

/** A tarball of wheels and install.sh, each time; unpacked and run on the host. */
function platterRecipe(names, { site, version, wheels }, directory) {
  const root = `${PLACE}/platter`;
  const bundle = join(directory, "platter");
  return {
    name: "Platter recipe",
    before: () => {
      mkdirSync(bundle, { recursive: true });
      writeFileSync(join(bundle, "install.sh"), `#!/bin/sh\nset -e\nhere=$(cd "$(dirname "$0")" && pwd)\npython3 -m venv "$1"\n"$1/bin/pip" install --quiet --disable-pip-version-check --no-compile --no-index --no-deps "$here"/wheels/*.whl\ncp -R "$here/hundred" "$1"/lib/python3*/site-packages/\n`, { mode: 0o755 });
      cpSync(join(site, "lib/hundred"), join(bundle, "hundred"), { recursive: true });
      cpSync(wheels, join(bundle, "wheels"), { recursive: true });
      execFileSync("tar", ["-C", bundle, "-cf", `${bundle}.tar`, "."]);
    },
    deploy: () => onAll(names, `scp -q ${bundle}.tar $h:/tmp/bundle-$h.tar; ssh $h "mkdir -p ${root}/unpacked-${version()} ${root}/versions && tar -C ${root}/unpacked-${version()} -xf /tmp/bundle-$h.tar && ${root}/unpacked-${version()}/install.sh ${root}/versions/${version()} && ln -sf ${root}/versions/${version()} ${root}/current && rm -rf ${root}/unpacked-${version()} /tmp/bundle-$h.tar"`),
  };
}

/** What is built is built before it is deployed, for everybody. */
function archive(site, place) {
  execFileSync("tar", ["-C", site, "-czf", join(place, "release.tar.gz"), "."]);
}

function ansible(ground, hosts, names, { site, version }, directory) {
  const place = join(directory, "ansible");
  mkdirSync(place, { recursive: true });
  const root = `${PLACE}/ansible`;
  writeFileSync(join(place, "hosts"), `${names.join("\n")}\n`);
  writeFileSync(join(place, "ansible.cfg"), `[defaults]\nforks = 10\ninventory = ${join(place, "hosts")}\nhost_key_checking = True\ninterpreter_python = /usr/bin/python3\ngathering = explicit\n[connection]\npipelining = True\n[ssh_connection]\nssh_executable = ${join(hosts.files.bin, "ssh")}\nscp_executable = ${join(hosts.files.bin, "scp")}\nsftp_executable = ${join(hosts.files.bin, "sftp")}\ncontrol_path_dir = ${join(place, "cp")}\n`);
  writeFileSync(join(place, "deploy.yml"), `- hosts: all
  remote_user: root
  tasks:
    - ansible.builtin.file: { path: "${root}/releases/{{ version }}", state: directory }
    - ansible.builtin.unarchive: { src: "${join(place, "release.tar.gz")}", dest: "${root}/releases/{{ version }}", creates: "${root}/releases/{{ version }}/lib" }
    - ansible.builtin.file: { src: "${root}/releases/{{ version }}", dest: ${root}/current, state: link }
`);
  writeFileSync(join(place, "rollback.yml"), `- hosts: all\n  remote_user: root\n  tasks:\n    - ansible.builtin.file: { src: "${root}/releases/{{ version }}", dest: ${root}/current, state: link }\n`);
  const play = (book, number) => [join(ground.fleet, "ansible-playbook"), "-e", `version=${number}`, join(place, book)];
  return {
    name: "Ansible",
    cwd: place,
    env: { ANSIBLE_CONFIG: join(place, "ansible.cfg"), ANSIBLE_HOME: join(place, "home") },
    before: () => archive(site, place),
    deploy: () => play("deploy.yml", version()),
    rollback: (to) => play("rollback.yml", to),
  };
}

function pyinfra(ground, hosts, names, { site, version }, directory) {
  const place = join(directory, "pyinfra");
  mkdirSync(place, { recursive: true });
  const root = `${PLACE}/pyinfra`;
  writeFileSync(join(place, "inventory.py"), `hosts = [${names.map((name) => `("${name}", {"ssh_config_file": "${hosts.files.config}", "ssh_known_hosts_file": "${hosts.files.knownHosts}", "ssh_strict_host_key_checking": "accept-new"})`).join(", ")}]\n`);
  writeFileSync(join(place, "deploy.py"), `import os\nfrom pyinfra import host\nfrom pyinfra.facts.files import Directory\nfrom pyinfra.operations import files, server\nversion = os.environ["VERSION"]\nrelease = "${root}/releases/" + version\nif not host.get_fact(Directory, path=release + "/lib"):\n    files.directory(path=release)\n    files.put(src="${join(place, "release.tar.gz")}", dest="${root}/release.tar.gz")\n    server.shell(commands=["tar -C %s -xzf ${root}/release.tar.gz" % release])\nfiles.link(path="${root}/current", target=release)\n`);
  writeFileSync(join(place, "rollback.py"), `import os\nfrom pyinfra.operations import files\nfiles.link(path="${root}/current", target="${root}/releases/" + os.environ["VERSION"])\n`);
  const run = (script, number) => `VERSION=${number} ${join(ground.fleet, "pyinfra")} -y ${join(place, "inventory.py")} ${join(place, script)}`;
  return {
    name: "pyinfra",
    cwd: place,
    before: () => archive(site, place),
    deploy: () => ["sh", "-c", run("deploy.py", version())],
    rollback: (to) => ["sh", "-c", run("rollback.py", to)],
  };
}
