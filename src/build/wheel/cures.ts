/**
 * What to try after a known failure of a build back end; undefined where we know none.
 * The one place where we read what foreign tools say to people: they have no codes for it.
 */
export function cureFor(log: readonly string[]): string | undefined {
  return CURES.find(([sign]) => log.some((line) => sign.test(line)))?.[1];
}

const CURES: readonly (readonly [sign: RegExp, cure: string])[] = [
  [/setuptools[-_]scm was unable to detect version/, "its version comes from git's tags, which files on disk do not have: build a commit, or set `fallback_version` under [tool.setuptools_scm]"],
  [/Multiple top-level (?:packages|modules) discovered in a flat-layout/, "say which of them it is: `packages` or `py-modules` under [tool.setuptools] in pyproject.toml"],
  [/error: package directory '.+' does not exist/, "where that is a submodule: git submodule update --init"],
  [/Python\.h: No such file or directory/, "install the headers of that Python: apt install python3-dev"],
  [/command '(?:[\w.-]+-)?(?:gcc|cc|clang|g\+\+|c\+\+)' failed: No such file or directory/, "install a C compiler: apt install gcc"],
];
