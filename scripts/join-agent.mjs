/**
 * The agent travels as one file: dist/agent.py, joined from the modules of agent/caisson_agent/, each behind those that it imports.
 * They share one namespace there, so that no two may define the same name. As a program: joins. Imported: `joinAgent()` does.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const project = join(import.meta.dirname, "..");
const OWN_IMPORT = /^from \.(\w+) import (?:\([^)]*\)|.+)\n/gm;
const FOREIGN_IMPORT = /^import \w+\n/gm;
/** Modules that few steps need and that take long to import: `Later` of __init__.py stands for them until then. */
const LATER = ["glob", "mmap", "pwd", "socket", "subprocess"];

export function joinAgent() {
  const modules = inOrder("main");
  const texts = modules.map(readModule);
  const names = texts.flatMap((text) => [...text.matchAll(/^(?:def|class) (\w+)|^([A-Z][A-Z0-9_]*) = /gm)].map(([, name, constant]) => name ?? constant));
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new Error(`agent/caisson_agent: \`${twice}\` is defined twice`);
  const imports = [...new Set(texts.flatMap((text) => text.match(FOREIGN_IMPORT) ?? []))].sort((one, other) => (one < other ? -1 : 1));
  const bodies = texts.map((text, at) => `# ---- ${modules[at]}\n${withoutDocstring(text).replaceAll(OWN_IMPORT, "").replaceAll(FOREIGN_IMPORT, "").trim()}\n`);
  const file = `${readModule("__init__").trim()}\n\n${imports.map(nowOrLater).join("")}\n${bodies.join("\n")}`;
  mkdirSync(join(project, "dist"), { recursive: true });
  // Whoever starts it meanwhile gets it whole, the old or the new.
  const joined = join(project, "dist/agent.py");
  writeFileSync(`${joined}.${process.pid}`, file);
  renameSync(`${joined}.${process.pid}`, joined);
}

/** The module and all that it imports, each behind those that it needs. */
function inOrder(module, before = [], open = []) {
  if (open.includes(module)) throw new Error(`agent/caisson_agent: ${[...open, module].join(" imports ")}`);
  const needs = [...readModule(module).matchAll(OWN_IMPORT)].map(([, name]) => name);
  const behind = needs.reduce((done, name) => inOrder(name, done, [...open, module]), before);
  return behind.includes(module) ? behind : [...behind, module];
}

function nowOrLater(line) {
  const name = line.slice("import ".length, -1);
  return LATER.includes(name) ? `${name} = Later("${name}")\n` : line;
}

function readModule(name) {
  return readFileSync(join(project, `agent/caisson_agent/${name}.py`), "utf8");
}

function withoutDocstring(text) {
  return text.replace(/^"""[^]*?"""\n/, "");
}

if (process.argv[1] === import.meta.filename) joinAgent();
