/** Builds Caisson into dist/: the modules of the public library, the agent, the command. As a program: builds. Imported: `build()` does. */
import { join } from "node:path";
import { bundleCommand } from "./bundle-command.mjs";
import { joinAgent } from "./join-agent.mjs";
import { must } from "./needs.mjs";

const project = join(import.meta.dirname, "..");

export async function build() {
  must([process.execPath, join(project, "node_modules/typescript/bin/tsc"), "-p", join(project, "tsconfig.build.json")], { cwd: project });
  joinAgent();
  await bundleCommand();
}

if (process.argv[1] === import.meta.filename) await build();
