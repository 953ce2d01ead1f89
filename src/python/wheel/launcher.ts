/**
 * A console script for the entry point `M:F`: sh and Python at once, the same bytes on every host.
 * Its sh half finds its own real directory, once, and starts the `python` beside it: `current` may move under a running process, and a release may be moved as a whole.
 * To Python, lines two and three are one string.
 */
export function launcherText(entryPoint: string): string {
  const [module = "", callable = ""] = entryPoint.split(":");
  const [imported = ""] = callable.split(".");
  return `${head('"$p"')}import sys\nfrom ${module} import ${imported}\nsys.exit(${callable}())\n`;
}

/** The same for a wheel's own `#!python` script: it starts the body that lies verbatim in `libexec/` beside `bin/`. `distribution` and `script` are plain names. */
export function scriptLauncherText(distribution: string, script: string): string {
  const body = `libexec/${distribution}/${script}`;
  return [
    head(`"\${p%/bin/*}/${body}"`),
    "import os, sys\n",
    `body = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "${body}")\n`,
    "os.execv(sys.executable, [sys.executable, body] + sys.argv[1:])\n",
  ].join("");
}

function head(started: string): string {
  return `#!/bin/sh\n'''exec' /bin/sh -c 'p=$(readlink -f -- "$0") && exec "\${p%/*}/python" ${started} "$@"' "$0" "$@"\n' '''\n`;
}
