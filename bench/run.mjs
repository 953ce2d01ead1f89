/**
 * Ratios against real peers in the same run: npm run bench [-- CASE ...] [--runs N] [--write]
 * Prints a table; --write puts it into docs/performance.md between its markers.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { cases } from "./cases.mjs";
import { measure } from "./measure.mjs";
import { prepareGround } from "./ground.mjs";

const project = join(import.meta.dirname, "..");
const words = process.argv.slice(2);
const asked = words.includes("--runs") ? Number(words[words.indexOf("--runs") + 1]) : undefined;
const wanted = words.filter((word, at) => !word.startsWith("--") && words[at - 1] !== "--runs");

const ground = prepareGround(project);
const scratch = join(ground.directory, "run");
rmSync(scratch, { recursive: true, force: true });
mkdirSync(scratch, { recursive: true });
const log = join(scratch, "log");

const rows = [];
for (const { name, of, target, prepare, runs: usual = 3 } of cases) {
  if (wanted.length > 0 && !wanted.some((word) => name.includes(word))) continue;
  console.error(`  ${name} ...`);
  const directory = join(scratch, name.replaceAll(/[^a-z0-9]+/gi, "-"));
  mkdirSync(directory, { recursive: true });
  const contenders = prepare(ground, directory);
  const runs = asked ?? usual;
  const figures = measure(contenders, { runs, log });
  const [ours, ...peers] = contenders.map((contender) => ({ name: contender.name, ...figures.get(contender.name) }));
  const others = peers.map((peer) => `${peer.name} ${seconds(peer.wall)} (x ${(ours.wall / peer.wall).toFixed(2)}, CPU x ${(ours.cpu / peer.cpu).toFixed(2)})`);
  const grown = contenders[0].grows === undefined ? "" : `, ${ours.grown.toFixed(1)} MB of disk`;
  rows.push([name, of, `${seconds(ours.wall)} (${seconds(ours.cpu)} CPU)${grown}`, others.join(", ") || "-", target, `${ours.mb.toFixed(0)} MB`, String(runs)]);
  console.error(`    ${rows.at(-1).join(" | ")}`);
  rmSync(directory, { recursive: true, force: true });
}

const table = [
  ["case", "of", "ours", "peers (ours / theirs)", "target", "memory", "runs"],
  ["---", "---", "---", "---", "---", "---", "---"],
  ...rows,
].map((row) => `| ${row.join(" | ")} |`).join("\n");
const { model } = cpus()[0] ?? { model: "unknown" };
const text = `${table}\n\nWall seconds of whole processes, median of the runs after a warm-up, contenders in turn; ${cpus().length} cores (${model}), Node ${process.versions.node}, uv ${ground.uvVersion}, pip ${ground.pipVersion}, pex ${ground.pexVersion}, Python ${ground.pythonVersion}.`;
console.log(text);
if (words.includes("--write")) {
  const page = join(project, "docs/performance.md");
  const before = readFileSync(page, "utf8");
  writeFileSync(page, before.replace(/(<!-- figures -->\n)[\s\S]*(\n<!-- end of figures -->)/, (_, head, foot) => `${head}${text}${foot}`));
}

function seconds(value) {
  return `${value.toFixed(2)} s`;
}
