import { blas, compilers, installLine, mysql, openssl, packagesOfHeader, packagesOfProgram, pictures, postgresql, pythonHeaders, rust, xml } from "./system-packages.ts";

/**
 * What to try after a known failure of a build back end, or of what it runs; undefined where we know none.
 * The one place where we read what foreign tools say to people: they have no codes for it.
 */
export function cureFor(log: readonly string[]): string | undefined {
  // Compilers quote as the locale has it.
  const lines = log.map((line) => line.replaceAll(/[\u2018\u2019]/g, "'"));
  for (const [sign, cure] of CURES) {
    for (const line of lines) {
      const found = sign.exec(line);
      const text = found === null || typeof cure === "string" ? found && cure : cure(found.slice(1).find((part) => part !== undefined) ?? "");
      if (typeof text === "string") return text;
    }
  }
  return undefined;
}

const UNRESOLVED = /Failed to resolve requirements from `(?:build-system\.requires|setup\.py build|build requirements)`|No solution found when resolving|Failed to install requirements from/;

/** Made of the first word that the sign caught, where it needs one. */
type Cure = string | ((found: string) => string | undefined);

/** Its C code uses what is no longer in Python's headers. */
const FOR_AN_OLDER_PYTHON = "it was written for an older Python: take a newer release of it, or another Python (`python` under [platforms.NAME] in caisson.toml)";
const DECLARE_SETUPTOOLS = 'Python has none since 3.12, setuptools brings one: add "setuptools" to `requires` of its [build-system], or take a newer release of it';

/** The nearest cause first: what a machine lacks makes back ends say many things afterwards. */
const CURES: readonly (readonly [sign: RegExp, cure: Cure])[] = [
  // The machine.
  [/No space left on device|\[Errno 28\]|os error 28\b/, "make room where it builds (df \"${TMPDIR:-/tmp}\"), or name another place: TMPDIR=DIRECTORY"],
  [/Killed signal terminated program|signal: 9, SIGKILL|internal compiler error: Killed|virtual memory exhausted|[Cc]annot allocate memory|\bMemoryError\b|LLVM ERROR: out of memory|killed by signal 9/, "the machine ran out of memory (dmesg says so): give it more, or swap, and run the same command again"],
  [/layer does not exist/, "Docker lost sight of a layer, as it does on Btrfs: run `sync` as root, then the same command again; if it stays, docker system prune"],
  [/CERTIFICATE_VERIFY_FAILED|invalid peer certificate|self[- ]signed certificate/, "the certificate of your index or proxy is not trusted: name its file in SSL_CERT_FILE"],
  [/network was disabled|[Nn]etwork connectivity is disabled/, "what it is built with is not in the cache: run it once without --offline"],
  [/client error \((?:Connect|SendRequest)\)|tcp connect error|dns error|[Tt]emporary failure in name resolution/, "the index with what it is built with does not answer: is the network there? Or name a directory that has it: --find-links DIR"],
  [/Hash mismatch for |DO NOT MATCH THE HASHES/, "the index gives other bytes than were locked: ask who runs it, or lock anew: caisson lock"],
  // What it is compiled with.
  [/unable to find dynamic system library '([^']+)'/, (library) => `zig brings libc and libc++ and no other library, and it wants \`${library}\`: build it on a machine of that platform`],
  [/zig compiles C and C\+\+ alone/, "build it on a machine of that platform"],
  [/Python\.h'?(?:: No such file or directory| file not found)|pyconfig\.h: No such file/, `install the headers of that Python (of its own minor version): ${installLine(pythonHeaders)}`],
  [/longintrepr\.h|has no member named '?(?:ob_digit|tp_print|use_tracing|curexc_type|exc_type|f_code|co_code|ob_shash)|no member named '(?:ob_digit|tp_print|use_tracing|curexc_type|f_code)'|'_Py\w+' undeclared|_PyUnicode_Ready|_PyInterpreterState_GetConfig|Py_UNICODE_GET_SIZE/, FOR_AN_OLDER_PYTHON],
  [/is newer than PyO3's maximum supported version/, FOR_AN_OLDER_PYTHON],
  [/pg_config executable not found|Error: pg_config/, `${installLine(postgresql)}; or ask for psycopg2-binary, which has it all in its wheel`],
  [/mysql_config(?:: not found| not found)|Can not find valid pkg-config name/, installLine(mysql)],
  [/Could not find (?:directory of OpenSSL installation|openssl via pkg-config)|openssl-sys .*not find/i, installLine(openssl)],
  [/make sure the libxml2 and libxslt development packages are installed/, installLine(xml)],
  [/headers or library files could not be found for (?:jpeg|zlib)|RequiredDependencyException: (?:jpeg|zlib)/, installLine(pictures)],
  [/Could not (?:find|run) curl-config|curl-config: (?:not found|command not found)/, () => installProgram("curl-config")],
  [/krb5-config: (?:not found|command not found)/, () => installProgram("krb5-config")],
  [/fatal error: '?([\w./+-]+\.(?:h|hpp))'?(?:: No such file or directory| file not found)/, (header) => {
    const known = packagesOfHeader(header);
    return known === undefined ? `find who has the header: Debian: apt-file search ${header}; Rocky: dnf provides '*/${header}'` : `the header \`${header}\` is missing: ${installLine(known)}`;
  }],
  [/command '(?:\S*\/)?(?:[\w.-]+-)?(?:gcc|cc|clang|g\+\+|c\+\+)(?:-\d+)?' failed: No such file or directory|unable to execute '(?:\S*\/)?(?:[\w.-]+-)?(?:gcc|cc|clang|g\+\+|c\+\+)'|No such file or directory: '(?:\S*\/)?(?:[\w.-]+-)?(?:gcc|cc|clang|g\+\+|c\+\+)(?:-\d+)?'|linker `cc` not found|No CMAKE_C(?:XX)?_COMPILER could be found|Unknown compiler\(s\): \[\[|(?:gcc|cc|g\+\+|c\+\+): (?:not found|command not found)|you need a C compiler/i, `install a C compiler: ${installLine(compilers)}`],
  [/can't find Rust compiler|Cargo, the Rust package manager, is not installed|rustc, the rust compiler, is not installed|(?:cargo|rustc): (?:not found|command not found)/i, `install Rust: ${installLine(rust)}; where that is too old, rustup (https://rustup.rs)`],
  [/requires rustc (\d[\d.]*) or newer|rustc \S+ is not supported by the following package|feature `edition2024` is required|lock file version 4 requires/, "its Rust is older than it wants: install a newer one by rustup (https://rustup.rs)"],
  [/CMake must be installed|CMakeNotFoundError|Could not find CMake with version|Problems? with the CMake installation/, () => installProgram("cmake")],
  [/Compatibility with CMake < 3\.5 has been removed/, 'it was written for an older CMake: take a newer release of it, or "cmake<4" in `requires` of its [build-system]'],
  [/CMake (\d[\d.]*) or higher is required/, (version) => `ask for a newer CMake: "cmake>=${version}" in \`requires\` of its [build-system]`],
  [/Could not find ninja|ninja: (?:not found|command not found)/, () => installProgram("ninja")],
  [/No Fortran compiler found|Unknown compiler\(s\): \[\['gfortran'|gfortran: (?:not found|command not found)/, () => installProgram("gfortran")],
  [/Dependency "(?:openblas|blas|lapack|OpenBLAS)" not found|No BLAS\/LAPACK libraries found/, installLine(blas)],
  [/Did not find pkg-config|pkg-config(?:: not found|: command not found| executable not found)|Could NOT find PkgConfig/, () => installProgram("pkg-config")],
  [/Dependency "([^"]+)" not found, tried pkgconfig|Package '?([\w.+-]+)'?.* (?:not found|was not found in the pkg-config search path)|No package '([^']+)' found/, (name) => `find who has \`${name}.pc\`: Debian: apt-file search ${name}.pc; Rocky: dnf install 'pkgconfig(${name})'`],
  [/Git executable not found|No such file or directory: '(git|hg|cmake|ninja|swig|make|cargo|rustc|go|node|npm|protoc|pkg-config|pg_config|mysql_config|\w+-config|autoreconf|patchelf|nasm)'/, (program) => installProgram(program || "git")],
  [/command '(?:\S*\/)?([\w-]+)' failed: No such file or directory|unable to execute '([\w-]+)'|\b([\w-]+): (?:command not found|not found)$/, installProgram],
  // What it says of itself.
  [/Suggest adding 'noexcept' to the type of/, 'it was written for an older Cython: take a newer release of it, or "cython<3" in `requires` of its [build-system]'],
  [/setuptools[-_]scm was unable to detect version/, "its version comes from the tags of a git repository, and these files lie in none: git init, or set `fallback_version` under [tool.setuptools_scm]"],
  [/Versioning for this project requires either an sdist tarball|Can't find a version|VersionNotFound/, "its version comes from git's tags, which an archive does not have: take its sdist of the index, or its repository: NAME @ git+URL"],
  [/Multiple top-level (?:packages|modules) discovered in a flat-layout/, "say which of them it is: `packages` or `py-modules` under [tool.setuptools] in pyproject.toml"],
  [/error: package directory '.+' does not exist/, "where that is a submodule: git submodule update --init"],
  [/use_2to3 is invalid/, 'it is for Python 2 and 3 at once, as setuptools 58 no longer does it: take a newer release of it, or "setuptools<58" in `requires` of its [build-system]'],
  [/No module named '?(?:pkg_resources)'?/, 'setuptools has none since version 82: take a newer release of it, or "setuptools<82" in `requires` of its [build-system]'],
  [/No module named '?(?:distutils)(?:\.\w+)*'?$/, DECLARE_SETUPTOOLS],
  [/No module named '?numpy\.distutils/, "numpy has none since 2.0 and Python 3.12: take a newer release of it, or an older Python"],
  [/No module named '?(?:imp|asynchat|asyncore|smtpd|cgi|crypt|pipes)'?$|module 'configparser' has no attribute 'SafeConfigParser'|module 'collections' has no attribute '(?:Mapping|MutableMapping|Callable|Iterable)'|module 'inspect' has no attribute 'getargspec'|cannot import name '(?:Mapping|MutableMapping|Iterable|Callable|getargspec|formatargspec)'/, FOR_AN_OLDER_PYTHON],
  [/module 'pkgutil' has no attribute 'ImpImporter'/, "the setuptools that it asks for is too old for this Python: raise it in `requires` of its [build-system], or take an older Python"],
  [/Missing parentheses in call to 'print'|invalid syntax.*except \w+, \w+|NameError: name '(?:unicode|basestring|raw_input|execfile)' is not defined/, "it was written for Python 2: take a newer release of it"],
  [/ModuleNotFoundError: No module named '(\w+)'/, (name) => `its build uses \`${name}\`, which \`requires\` of its [build-system] does not bring: add it there, or correct its name`],
  [/ModuleNotFoundError: No module named '(\w+\.[\w.]+)'/, (name) => `the \`${name.split(".")[0] ?? name}\` that it is built with has no \`${name}\`: correct that name, or ask for another version in \`requires\` of its [build-system]`],
  [/invalid pyproject\.toml config: `project\.license|`project\.license` must be|Unknown license exception|license-files/, 'its licence is written as newer back ends read it: "setuptools>=77" in `requires` of its [build-system]'],
  [/FileNotFoundError: \[Errno 2\] No such file or directory: '([^']+)'/, (file) => (file.startsWith("/") ? undefined : `its setup reads \`${file}\`, which is not there: commit that file, or list it in MANIFEST.in; of an index, take another release, or its repository: NAME @ git+URL`)],
  [/error: (?:can't copy|file) '([^']+)'(?:: doesn't exist| does not exist)/, (file) => `it lists \`${file}\`, which is not there: commit that file, or take it off the list`],
  [/Permission denied: '(\/[^']+)'/, (path) => `it writes to \`${path}\`, outside of what it builds, where you may not: ask its author`],
  [/Because ([\w.-]+) was not found in the package registry/, (name) => `the index has no \`${name}\`: correct its name in \`requires\` of its [build-system], or name another index under [index] in caisson.toml`],
  [/Because there are no versions of ([\w.-]+) and you require/, (name) => `the index lists no file of \`${name}\`: does [index] url, or uv's or pip's setting, name a simple index?`],
  [UNRESOLVED, "no versions satisfy `requires` of its [build-system]: loosen them, or take another release of it"],
];

function installProgram(program: string): string | undefined {
  const known = packagesOfProgram(program);
  return known === undefined ? undefined : `the program \`${program}\` is missing: ${installLine(known)}`;
}
