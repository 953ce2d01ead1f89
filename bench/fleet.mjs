/**
 * What the command costs with many hosts, all of them roots of this machine: node bench/fleet.mjs [HOSTS...]
 * CPU and memory are the command's own; the agents' work, which is done here too, is left out, and makes the wall time useless.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeTree } from "../dist/system/index.js";

const project = join(import.meta.dirname, "..");
const counts = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1, 11, 100];
const rows = [["hosts", "what", "CPU s", "of each further host", "MB"]];
const alone = new Map();
for (const count of counts) {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "caisson-fleet-")));
  try {
    for (const [what, { cpu, mb }] of measure(directory, count)) {
      if (count === 1) alone.set(what, cpu);
      rows.push([String(count), what, cpu.toFixed(2), count === 1 || !alone.has(what) ? "" : ((cpu - alone.get(what)) / (count - 1)).toFixed(3), mb.toFixed(0)]);
    }
  } finally {
    await removeTree(directory);
    rmSync(directory, { recursive: true, force: true });
  }
}
console.log(rows.map((row) => row.join("\t")).join("\n"));

/** A first deploy of 60 files, the same again, one changed line, and back. */
function measure(directory, count) {
  const env = { ...process.env, HOME: directory, OWN_COST: join(directory, "cost") };
  const hosts = Array.from({ length: count }, (_, at) => `local:roots/h${at + 1}`);
  mkdirSync(join(directory, "files"));
  writeFileSync(join(directory, "caisson.toml"), `[workspace]\nname = "fleet"\n[packages.fleet]\nkind = "files"\npath = "files"\nhealth = { command = "true" }\n[targets.all]\nhosts = ${JSON.stringify(hosts)}\nrollout = { max_parallel = "100%", min_healthy = "0s" }\n`);
  for (let at = 0; at < 60; at++) writeFileSync(join(directory, "files", `f${at}.txt`), `${at} `.repeat(5000));
  const caisson = (...words) => {
    const { status, stderr } = spawnSync(process.execPath, ["--import", join(project, "bench/own-cost.mjs"), join(project, "dist/bin/caisson.js"), ...words], { cwd: directory, env, encoding: "utf8" });
    if (status !== 0) throw new Error(`caisson ${words.join(" ")}: ${stderr}`);
    return JSON.parse(readFileSync(join(directory, "cost"), "utf8"));
  };
  const build = (version, text) => {
    writeFileSync(join(directory, "files/VERSION"), `${version}\n`);
    writeFileSync(join(directory, "files/f1.txt"), text);
    caisson("build");
  };
  build("1", "one\n".repeat(5000));
  const first = caisson("deploy", "--to", "all");
  const again = caisson("deploy", "--to", "all");
  build("2", `two\n${"one\n".repeat(4999)}`);
  return [["first deploy", first], ["nothing to do", again], ["one line changed", caisson("deploy", "--to", "all")], ["rollback", caisson("rollback", "--to", "all")], ["status", caisson("status", "--to", "all")]];
}
