/**
 * Deploys over ssh beside what others do, on hosts of this machine behind lines with delay: node bench/hosts/run.mjs [CASE ...] [--hosts 1,10] [--delay 0,50] [--runs N] [--who caisson,rsync] [--write]
 * Prints a table; --write puts it into docs/performance.md between its markers. Needs root, sshd and rsync.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { cpus } from "node:os";
import { join } from "node:path";
import { must } from "../../scripts/needs.mjs";
import { prepareGround } from "../ground.mjs";
import { median } from "../measure.mjs";
import { makeContenders } from "./contenders.mjs";
import { makeApplication, startHosts } from "./ground.mjs";

const project = join(import.meta.dirname, "../..");
const words = process.argv.slice(2);
const asked = words.filter((word, at) => !word.startsWith("--") && !(words[at - 1] ?? "").startsWith("--"));
const option = (name, otherwise) => (words.includes(name) ? words[words.indexOf(name) + 1] : otherwise);
const numbers = (text) => text.split(",").map(Number);
const runs = Number(option("--runs", "3"));

const ground = { ...prepareGround(project), fleet: join(project, ".cache/bench/fleet/bin") };
if (!existsSync(join(ground.fleet, "pyinfra"))) {
  must(["python3", "-m", "venv", join(ground.fleet, "..")]);
  must([join(ground.fleet, "pip"), "install", "--quiet", "--disable-pip-version-check", "ansible-core==2.19.14", "pyinfra==3.10.0"]);
}
const scratch = join(ground.directory, `fleet-run-${process.pid}`);
rmSync(scratch, { recursive: true, force: true });
mkdirSync(scratch, { recursive: true });
// What is measured stays what it is, whoever builds meanwhile.
const frozen = join(scratch, "caisson");
for (const name of ["dist", "agent", "package.json"]) cpSync(join(project, name), join(frozen, name), { recursive: true });
symlinkSync(join(project, "node_modules"), join(frozen, "node_modules"));
ground.caisson = [process.execPath, join(frozen, "dist/bin/caisson.js")];
const chosen = option("--who", "").split(",");
const counts = numbers(option("--hosts", "1,10"));
const hosts = await startHosts(join(scratch, "hosts"), Math.max(...counts));
const home = { XDG_DATA_HOME: join(scratch, "home/data"), XDG_STATE_HOME: join(scratch, "home/state") };
const env = { ...hosts.env, ...ground.env, ...home, PATH: `${hosts.files.bin}:${ground.env.PATH}` };
const rows = [];
try {
  const application = makeApplication(ground, join(scratch, "application"), env, hosts.names);
  for (const count of counts) {
    for (const delay of numbers(option("--delay", "0,50"))) {
      await hosts.delay(delay);
      await compare(application, count, delay);
    }
  }
} finally {
  hosts.clear();
  hosts.stop();
  rmSync(scratch, { recursive: true, force: true });
}

const table = [["case", "hosts", "round trip", "who", "seconds", "ours / theirs", "CPU here", "kB per host", "round trips"], Array.from({ length: 9 }, () => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
const { model } = cpus()[0] ?? { model: "unknown" };
const text = `${table}\n\nWall seconds of whole processes, median of ${runs}, contenders in turn; kB as TCP carries them, both ways, ssh's own included; round trips: how often our side spoke after the other had. ${cpus().length} cores (${model}), which the hosts share; Node ${process.versions.node}, Python ${ground.pythonVersion}.`;
console.log(text);
if (words.includes("--write")) {
  const page = join(project, "docs/performance.md");
  writeFileSync(page, readFileSync(page, "utf8").replace(/(<!-- hosts -->\n)[\s\S]*(\n<!-- end of hosts -->)/, (_, head, foot) => `${head}${text}${foot}`));
}

function wanted(name) {
  return asked.length === 0 || asked.some((word) => name.includes(word));
}

async function compare(application, count, delay) {
  hosts.clear();
  const contenders = makeContenders({ ground, hosts, application, directory: join(scratch, `${count}-${delay}`), count }).filter(({ name }) => chosen.some((word) => name.includes(word)));
  const next = () => {
    application.next();
    for (const contender of contenders) contender.before?.();
  };
  next();
  await measure("first deploy", contenders, 1, { argv: (contender) => (contender.first ?? contender.deploy)(), shown: wanted("first") });
  if (wanted("change")) await measure("one line changed", contenders, runs, { before: next, argv: (contender) => contender.deploy() });
  if (wanted("same")) await measure("nothing to do", contenders, runs, { argv: (contender) => (contender.same ?? contender.deploy)() });
  if (wanted("rollback")) await measure("rollback", contenders.filter(({ rollback }) => rollback !== undefined), runs, { argv: (contender, run) => contender.rollback(application.version() - ((run + 1) % 2)) });

  async function measure(name, all, times, { before = () => undefined, argv, shown = true }) {
    const found = new Map(all.map((contender) => [contender.name, []]));
    for (let run = 0; run < times; run++) {
      before();
      for (const contender of all) found.get(contender.name).push(await once(contender, argv(contender, run)));
    }
    const figures = new Map([...found].map(([who, each]) => [who, Object.fromEntries(["wall", "cpu", "bytes", "turns"].map((what) => [what, median(each.map((figure) => figure[what]))]))]));
    const ours = figures.get("caisson");
    for (const [who, { wall, cpu, bytes, turns }] of figures) {
      const row = [name, String(count), `${delay} ms`, who, wall.toFixed(2), who === "caisson" ? "" : `x ${(ours.wall / wall).toFixed(2)}`, cpu.toFixed(2), (bytes / count / 1000).toFixed(1), String(turns)];
      if (shown) rows.push(row);
      console.error(`  ${row.join(" | ")}`);
    }
  }

  async function once({ name, cwd, env: more }, command) {
    const log = join(scratch, "log");
    const from = await hosts.traffic();
    const { stdout, status } = spawnSync("python3", [join(project, "bench/measure.py"), log, ...command], { cwd, env: { ...env, ...more }, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
    const to = await hosts.traffic();
    const figure = status === 0 ? JSON.parse(stdout) : { status };
    if (figure.status !== 0) throw new Error(`${name} ended with ${figure.status}: ${command.join(" ")} (see ${log})`);
    return { wall: figure.wall, cpu: figure.cpu, bytes: to.bytes - from.bytes, turns: to.turns - from.turns };
  }
}
