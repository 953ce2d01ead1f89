import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** The interpreter of one minor, `3.11`, by the path it reports for itself; undefined where this machine has none. What PATH holds may be a version manager's script that runs nothing. */
export function findPython(minor: string): string | undefined {
  const versions = [process.env["PYENV_ROOT"], join(homedir(), ".pyenv")].filter((root) => root !== undefined).flatMap((root) => installed(join(root, "versions"), minor));
  for (const candidate of [`python${minor}`, ...versions]) {
    const { status, stdout } = spawnSync(candidate, ["-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"], { encoding: "utf8" });
    if (status === 0 && stdout.startsWith(`${minor} `)) return stdout.trim().slice(minor.length + 1);
  }
  return undefined;
}

function installed(versions: string, minor: string): readonly string[] {
  try {
    return readdirSync(versions).filter((name) => name.startsWith(`${minor}.`)).map((name) => join(versions, name, "bin", "python"));
  } catch {
    return [];
  }
}
