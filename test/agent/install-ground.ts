import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { zipSync } from "fflate";
import { digestHex, mediaTypes, printCanonicalJson, type Payload, type TreeEntry } from "../../src/model/index.ts";
import { launcherText } from "../../src/python/index.ts";
import { ownPath } from "../../src/system/index.ts";
import { defaultPythonMinor } from "../support/machine.ts";
import { fastest } from "../support/sweep-calls.ts";
import { blob, file, pythonPayload, tree } from "./host.ts";

/** A directory with spaces in its path, and bundles made by hand in it. */
export interface InstallGround {
  readonly directory: string;
  /** An unpacked bundle of one wheel, and what may be wrong with it; its path. */
  readonly makeBundle: (name: string, over?: Partial<Payload>) => string;
  readonly remove: () => void;
}

export function makeInstallGround(): InstallGround {
  const directory = realpathSync(mkdtempSync(join(fastest, "caisson install ")));
  return { directory, makeBundle: (name, over = {}) => makeBundle(join(directory, name), over), remove: () => rmSync(directory, { recursive: true, force: true }) };
}

function makeBundle(bundle: string, over: Partial<Payload>): string {
  const minor = defaultPythonMinor();
  const text = "import sys\ndef main():\n    print('hello', sys.prefix)\n";
  const wheel = blob(zipSync({ "hello.py": Buffer.from(text) }), mediaTypes.wheel);
  const module: TreeEntry = { kind: "file", path: "site/hello.py", mode: 0o644, digest: blob(text).descriptor.digest, size: text.length, source: { from: "member", blob: wheel.descriptor.digest, member: "hello.py" } };
  const made = tree(file("bin/hello", launcherText("hello:main"), 0o755), file("site/hello-1.0.dist-info/METADATA", "Name: hello\nVersion: 1.0\n"), module);
  const document = pythonPayload([made], { "hello-1.0.dist-info": made, "hello.py": made }, {
    distributions: [{ name: "hello" as never, version: "1.0", tree: made.id, fileName: "hello-1.0-py3-none-any.whl", wheel: wheel.descriptor }], ...over,
  });
  for (const below of ["data/trees", "data/wheels"]) mkdirSync(join(bundle, below), { recursive: true });
  writeFileSync(join(bundle, "info.json"), printCanonicalJson({ ident: "hello-1.0", python: minor }));
  writeFileSync(join(bundle, "data/payload.json"), document.bytes);
  writeFileSync(join(bundle, "data/trees", `${digestHex(made.id)}.json`), made.document.bytes);
  writeFileSync(join(bundle, "data/wheels/hello-1.0-py3-none-any.whl"), wheel.bytes);
  copyFileSync(ownPath("dist/agent.py"), join(bundle, "data/agent.py"));
  copyFileSync(ownPath("agent/install.sh"), join(bundle, "install.sh"));
  chmodSync(join(bundle, "install.sh"), 0o755);
  return bundle;
}

/** Run a bundle's install.sh: by a shell and its words, or as it is. */
export function installWith(shell: readonly string[], bundle: string, words: readonly string[], env: Readonly<Record<string, string>> = {}, cwd = "/"): SpawnSyncReturns<string> {
  const [program = "", ...rest] = [...shell, join(bundle, "install.sh"), ...words];
  return spawnSync(program, rest, { cwd, env: { ...process.env, ...env }, encoding: "utf8" });
}

