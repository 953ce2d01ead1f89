/**
 * The one-minute demonstration: builds Caisson, then runs it on a copy of examples/shop as a person would.
 * Everything it makes lies in one folder, `demo/`.
 */
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { build } from "./build.mjs";
import { checkNeeds, must } from "./needs.mjs";

const project = join(import.meta.dirname, "..");
const demo = join(project, "demo");
const shop = join(demo, "shop");
const began = Date.now();

checkNeeds({ python: "3.10" });
console.log("Building Caisson ...");
await build();

// A folder of its own for all that is kept between runs, so that nothing of the user's is touched.
rmSync(demo, { recursive: true, force: true });
mkdirSync(demo, { recursive: true });
const env = {
  ...process.env,
  XDG_DATA_HOME: join(demo, "data"),
  XDG_CACHE_HOME: join(demo, "cache"),
  XDG_STATE_HOME: join(demo, "state"),
  TMPDIR: join(demo, "tmp"),
  GIT_CONFIG_GLOBAL: "/dev/null",
  PYTHONDONTWRITEBYTECODE: "1",
};
for (const name of Object.keys(env)) if (name.startsWith("CAISSON_")) delete env[name];
mkdirSync(env.TMPDIR);
cpSync(join(project, "examples/shop"), shop, { recursive: true });
const port = await freePort(8000);
const address = `http://127.0.0.1:${port}`;
if (port !== 8000) {
  console.log(`(port 8000 is taken here: the copy uses ${port})`);
  edit("caisson.toml", (text) => text.replaceAll("8000", String(port)));
}
git("init", "--quiet", "--initial-branch=main");
git("add", ".");
git("-c", "user.name=Shop", "-c", "user.email=shop@example.com", "commit", "--quiet", "-m", "The shop");

console.log(`Everything below happens in ${demo}; remove it when you are done.\n`);
type("cd demo/shop");

say("First release: build, stack, deploy to a directory here, start, check.");
let up = await startUp();
await get("/");
await up.stop();

say("One line changes.");
type(`sed -i 's/Welcome to the shop/Welcome aboard/' web/src/shop_web/__init__.py`);
edit("web/src/shop_web/__init__.py", (text) => text.replace("Welcome to the shop", "Welcome aboard"));

say("Second release: only what is new is built and sent.");
up = await startUp();
await get("/");

say("Back to the first release, from another terminal, while it runs.");
caisson("rollback", "--to", "local:.caisson/up");
await restarted("Welcome to the shop");
await get("/");
caisson("history", "--to", "local:.caisson/up");

say("Stop.");
await up.stop();

console.log(`\nDone in ${((Date.now() - began) / 1000).toFixed(0)} s. All of it is in ${demo}`);

function say(text) {
  console.log(`\n# ${text}`);
}

function type(line) {
  console.log(`$ ${line}`);
}

function edit(file, change) {
  const path = join(shop, file);
  const before = readFileSync(path, "utf8");
  const after = change(before);
  if (after === before) stopWith(`nothing to change in ${file}`);
  writeFileSync(path, after);
}

function git(...words) {
  must(["git", ...words], { cwd: shop, env });
}

function caisson(...words) {
  type(`caisson ${words.join(" ")}`);
  const { status } = spawnSync(process.execPath, [join(project, "dist/bin/caisson.js"), ...words], { cwd: shop, env, stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) stopWith(`caisson ${words.join(" ")} ended with ${status}`);
}

/** `caisson up`, until it says how to stop it: then the release is healthy. */
async function startUp() {
  type("caisson up");
  const child = spawn(process.execPath, [join(project, "dist/bin/caisson.js"), "up"], { cwd: shop, env, stdio: ["ignore", "pipe", "inherit"] });
  let stopping = false;
  const ended = new Promise((resolve) => {
    child.once("close", (status) => {
      if (!stopping) stopWith(`caisson up ended with ${status}`);
      resolve(status);
    });
  });
  await new Promise((resolve) => {
    let seen = "";
    child.stdout.on("data", (chunk) => {
      process.stdout.write(chunk);
      seen += chunk;
      if (seen.includes("Ctrl-C")) resolve();
    });
  });
  return {
    async stop() {
      stopping = true;
      console.log("^C");
      child.kill("SIGINT");
      const status = await ended;
      if (status !== 0) stopWith(`caisson up ended with ${status}`);
    },
  };
}

async function get(path) {
  type(`curl ${address}${path}`);
  const response = await fetch(address + path);
  const text = await response.text();
  if (!response.ok) stopWith(`${address}${path} answered ${response.status}`);
  console.log(text.trimEnd());
}

/** Until the application says the text, or ten seconds have passed. */
async function restarted(text) {
  const deadline = Date.now() + 10_000;
  while (Date.now() < deadline) {
    const page = await fetch(address).then((response) => response.text(), () => "");
    if (page.includes(text)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  stopWith(`${address} does not say "${text}" after the rollback`);
}

function freePort(wanted) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", () => (wanted === 0 ? reject(new Error("no free port")) : resolve(freePort(0))));
    server.listen(wanted, "127.0.0.1", () => {
      const { port: found } = server.address();
      server.close(() => resolve(found));
    });
  });
}

function stopWith(message) {
  console.error(`error: ${message}`);
  process.exit(1);
}
