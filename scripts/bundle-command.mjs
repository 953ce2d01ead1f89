/**
 * The command as a few files, dist/bin/caisson.js and what it loads later: to find, open and compile some 120 modules takes Node longer than many a command takes to run.
 * What is loaded later stays in small files, since Node reads a file whole before it runs a line of it.
 * The public library stays as modules, dist/index.js. Dependencies are bundled with their licences, but for undici, which is large and seldom needed.
 */
import { existsSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const project = join(import.meta.dirname, "..");
const { dependencies } = JSON.parse(readFileSync(join(project, "package.json"), "utf8"));
const APART = ["undici"];

/** Whoever starts the command meanwhile gets it whole, the old or the new. */
export async function bundleCommand() {
  const [made, place] = [join(project, `dist/bin.${process.pid}`), join(project, "dist/bin")];
  // Not before somebody has been told what is missing here.
  const { rolldown } = await import("rolldown");
  const bundle = await rolldown({ input: join(project, "dist/cli/main.js"), platform: "node", external: [/^node:/, ...APART], logLevel: "silent" });
  await bundle.write({
    dir: made,
    format: "esm",
    entryFileNames: "caisson.js",
    chunkFileNames: "[name].js",
    codeSplitting: {
      groups: [
        // What each command needs: `--version` and the help the first, all others both. main.ts waits for the command, so that nothing may import it.
        { name: "start", test: /\/dist\/cli\/(?!main\.js)[^/]+\.js$/, priority: 3 },
        { name: "library", test: /\/dist\/index\.js$/, priority: 2 },
      ],
    },
  });
  await bundle.close();
  writeFileSync(join(made, "LICENSES.txt"), licences());
  const old = `${place}.${process.pid}.old`;
  if (existsSync(place)) renameSync(place, old);
  renameSync(made, place);
  rmSync(old, { recursive: true, force: true });
}

/** Of what is in the bundle. */
function licences() {
  const bundled = Object.keys(dependencies).filter((name) => !APART.includes(name));
  return bundled.map((name) => {
    const directory = join(project, "node_modules", name);
    const file = readdirSync(directory).find((each) => /^licen[cs]e/i.test(each));
    if (file === undefined) throw new Error(`${name} comes without its licence`);
    return `${name} ${dependencies[name]}\n\n${readFileSync(join(directory, file), "utf8").trim()}\n`;
  }).join(`\n${"-".repeat(80)}\n\n`);
}
