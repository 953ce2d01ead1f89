import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cache, project } from "./machine.ts";

/** The library as JavaScript, for tests that need several processes of it; made anew, so that it is never an older one. */
export interface Compiled extends Disposable {
  /** `stack/index.js` is a file in it. */
  readonly directory: string;
}

/** Beside node_modules, so that the library finds what it depends on. Types are not checked: that is another test's work. */
export function compileLibrary(): Compiled {
  mkdirSync(cache, { recursive: true });
  const directory = mkdtempSync(join(cache, "compiled-"));
  spawnSync(process.execPath, [join(project, "node_modules/typescript/bin/tsc"), "-p", join(project, "tsconfig.build.json"), "--outDir", directory, "--isolatedDeclarations", "false", "--declaration", "false", "--declarationMap", "false", "--sourceMap", "false"]);
  return { directory, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
}
