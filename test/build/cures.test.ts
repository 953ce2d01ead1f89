import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { cureFor } from "../../src/build/wheel/cures.ts";
import type { CaissonError } from "../../src/model/index.ts";
import { has } from "../support/machine.ts";
import { makeWorkshop } from "./workshop.ts";

/** What tools really said, a line of each, and a part of what we answer. */
it.each([
  ["LookupError: setuptools-scm was unable to detect version for /tmp/x/source.", "fallback_version"],
  ["error: Multiple top-level packages discovered in a flat-layout: ['od', 'app'].", "[tool.setuptools]"],
  ["error: package directory 'vend/lib' does not exist", "git submodule update --init"],
  ["src/x.c:1:10: fatal error: Python.h: No such file or directory", "apt install python3-dev; Rocky: dnf install python3-devel"],
  ["hello.c:1:10: fatal error: 'Python.h' file not found", "python3-dev"],
  ["error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory", "install a C compiler: Debian: apt install gcc g++; Rocky: dnf install gcc gcc-c++"],
  ["unable to execute 'gcc': No such file or directory", "C compiler"],
  ["error: linker `cc` not found", "C compiler"],
  ["error: [Errno 2] No such file or directory: 'gcc'", "C compiler"],
  ["src/_mssql.pyx:2023:16: Cannot assign type 'int (DBPROCESS *)' to 'MHANDLEFUNC'. Exception values are incompatible. Suggest adding 'noexcept' to the type of 'msg_handler'.", "cython<3"],
  ["  No CMAKE_CXX_COMPILER could be found.", "C compiler"],
  ["../meson.build:1:0: ERROR: Unknown compiler(s): [['cc'], ['gcc'], ['clang']]", "C compiler"],
  ["Error: pg_config executable not found.", "dnf install libpq-devel"],
  ["./psycopg/psycopg.h:35:10: fatal error: libpq-fe.h: No such file or directory", "libpq-dev"],
  ["Exception: Can not find valid pkg-config name.", "default-libmysqlclient-dev"],
  ["build/temp/_openssl.c:575:10: fatal error: openssl/opensslv.h: No such file or directory", "`openssl/opensslv.h` is missing: Debian: apt install libssl-dev"],
  ["  Could not find directory of OpenSSL installation, and this `-sys` crate cannot", "openssl-devel"],
  ["c/_cffi_backend.c:15:10: fatal error: ffi.h: No such file or directory", "libffi-dev"],
  ["Error: Please make sure the libxml2 and libxslt development packages are installed.", "libxslt1-dev"],
  ["The headers or library files could not be found for jpeg,", "libjpeg-turbo-devel"],
  ["Modules/common.h:15:10: fatal error: lber.h: No such file or directory", "openldap-devel"],
  ["src/widget.c:3:10: fatal error: frobnicate/widget.h: No such file or directory", "dnf provides '*/frobnicate/widget.h'"],
  ["error: can't find Rust compiler", "apt install cargo"],
  ["Cargo, the Rust package manager, is not installed or is not on PATH.", "apt install cargo"],
  ["error: package `time v0.3.44` cannot be built because it requires rustc 1.81.0 or newer, while the currently active rustc version is 1.63.0", "rustup"],
  ["error: the configured Python interpreter version (3.14) is newer than PyO3's maximum supported version (3.13)", "another Python"],
  ["RuntimeError: CMake must be installed to build the following extensions: _x", "apt install cmake"],
  ["scikit_build_core.errors.CMakeNotFoundError: Could not find CMake with version >=3.15", "dnf install cmake"],
  ["  Compatibility with CMake < 3.5 has been removed from CMake.", "cmake<4"],
  ["ModuleNotFoundError: No module named 'pkg_resources'", "setuptools<82"],
  ["ModuleNotFoundError: No module named 'distutils'", "since 3.12"],
  ["    from distutils.core import setup: No module named 'distutils.core'", "since 3.12"],
  ["ModuleNotFoundError: No module named 'numpy.distutils.core'", "numpy has none"],
  ["ModuleNotFoundError: No module named 'imp'", "older Python"],
  ["AttributeError: module 'pkgutil' has no attribute 'ImpImporter'. Did you mean: 'zipimporter'?", "too old for this Python"],
  ["AttributeError: module 'configparser' has no attribute 'SafeConfigParser'. Did you mean: 'RawConfigParser'?", "older Python"],
  ["error in suds setup command: use_2to3 is invalid.", "setuptools<58"],
  ["SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?", "Python 2"],
  ["ModuleNotFoundError: No module named 'Cython'", "add it there, or correct its name"],
  ["ModuleNotFoundError: No module named 'flit_core.nope'", "the `flit_core` that it is built with has no `flit_core.nope`"],
  ["  cause: Because no-such was not found in the package registry and you require no-such, we can conclude that your requirements are unsatisfiable.", "the index has no `no-such`"],
  ["FileNotFoundError: [Errno 2] No such file or directory: 'requirements.txt'", "MANIFEST.in"],
  ["FileNotFoundError: [Errno 2] No such file or directory: 'git'", "apt install git"],
  ["error: Git executable not found. Ensure that Git is installed and available.", "dnf install git"],
  ["sh: 1: swig: not found", "apt install swig"],
  ["error: command 'swig' failed: No such file or directory", "swig"],
  ["../meson.build:9:11: ERROR: Dependency \"openblas\" not found, tried pkgconfig and cmake", "libopenblas-dev"],
  ["../meson.build:24:9: ERROR: Dependency \"cairo\" not found, tried pkgconfig and cmake", "dnf install 'pkgconfig(cairo)'"],
  ["c/uv.c:12:5: error: 'PyLongObject' {aka 'struct _longobject'} has no member named 'ob_digit'", "older Python"],
  ["lib/zoneinfo_module.c:600:19: error: \u2018_PyLong_One\u2019 undeclared (first use in this function); did you mean \u2018_PyLong_New\u2019?", "older Python"],
  ["src/x.c:9:10: fatal error: longintrepr.h: No such file or directory", "older Python"],
  ["OSError: [Errno 28] No space left on device", "TMPDIR"],
  ["/tmp/ccF8kQxv.s: Fatal error: can't write 65 bytes to section .text of build/x.o: 'No space left on device'", "TMPDIR"],
  ["x86_64-linux-gnu-gcc: fatal error: Killed signal terminated program cc1plus", "memory"],
  ["  process didn't exit successfully: `rustc --crate-name x` (signal: 9, SIGKILL: kill)", "memory"],
  ["error: Hash mismatch for `flit-core==3.12.0`", "caisson lock"],
  ["ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "caisson lock"],
  ["  hint: Packages were unavailable because the network was disabled.", "without --offline"],
  ["      cause: tcp connect error", "does not answer"],
  ["      cause: dns error", "--find-links DIR"],
  ["  cause: invalid peer certificate: UnknownIssuer", "SSL_CERT_FILE"],
  ["error: unable to find dynamic system library 'ssl' using strategy 'paths_first'. searched paths:", "zig brings libc and libc++ and no other library"],
  ["failed to export image: failed to create image: failed to get layer sha256:177c72: layer does not exist", "run `sync` as root"],
])("row N11: knows what to try after: %s", (line, cure) => {
  expect(cureFor(["running build_ext", line, "the end"])).toContain(cure);
});

it("says nothing of what it does not know", () => {
  for (const line of ["error: boom", "error: command 'gcc' failed with exit code 1", "error: command '/usr/bin/gcc' failed with exit code 1", "warning: frobnicate: not found", "FileNotFoundError: [Errno 2] No such file or directory: '/etc/nowhere'"]) expect(cureFor([line])).toBeUndefined();
});

const SETUPTOOLS = '[build-system]\nrequires = ["setuptools>=82"]\nbuild-backend = "setuptools.build_meta"\n';

it.skipIf(!has("cc"))("row N11: recognises real failures, each with its cure, its last lines and a log that is still there (needs cc)", async () => {
  const broken: Readonly<Record<string, readonly [setup: string, cure: RegExp, cause: RegExp]>> = {
    header: ['setup(name="header", version="1", ext_modules=[Extension("x", ["x.c"])])', /`librdkafka\/none\.h` is missing: .*librdkafka-dev/, /^x\.c:1:10: fatal error: librdkafka\/none\.h: .*\n[^]*failed with exit code 1$|non-zero exit status 1\.$/],
    python2: ['setup(name="python2", version="1", use_2to3=True)', /"setuptools<58"/, /^error in python2 setup command: use_2to3 is invalid\.$/],
    resources: ['import pkg_resources\nsetup(name="resources", version="1")', /"setuptools<82"/, /^File "setup\.py", line 2, in <module>\nModuleNotFoundError: No module named 'pkg_resources'$/],
    missing: ['setup(name="missing", version="1", install_requires=open("requirements.txt").read().split())', /reads `requirements\.txt`, which is not there/, /^File "setup\.py", line 2, in <module>\nFileNotFoundError: .*'requirements\.txt'$/],
    tool: ['import subprocess\nsubprocess.check_call(["hg", "--version"])\nsetup(name="tool", version="1")', /program `hg` is missing: .*mercurial/, /^File "setup\.py", line 3, in <module>\nFileNotFoundError: .*'hg'$/],
  };
  const workshop = await makeWorkshop({
    "caisson.toml": Object.keys(broken).map((name) => `[packages.${name}]\npath = "${name}"\n`).join(""),
    ...Object.fromEntries(Object.entries(broken).flatMap(([name, [setup]]) => [[`${name}/setup.py`, `from setuptools import Extension, setup\n${setup}\n`], [`${name}/pyproject.toml`, SETUPTOOLS]])),
    "header/x.c": "#include <librdkafka/none.h>\n",
  });
  workshop.commit("first");
  try {
    const error = (await workshop.build().catch((thrown: unknown) => thrown)) as CaissonError;
    for (const [name, [, cure, cause]] of Object.entries(broken)) {
      const problem = error.problems.find(({ message }) => message === `building the wheel of \`${name}\` failed`);
      expect(problem?.hint).toMatch(cure);
      expect(problem?.cause).toMatch(cause);
      const log = /the whole log is in `(?<path>.+)`$/.exec(problem?.hint ?? "")?.groups?.["path"] ?? "";
      expect([existsSync(log), cureFor(readFileSync(log, "utf8").split("\n"))]).toEqual([true, expect.stringMatching(cure)]);
    }
  } finally {
    workshop.remove();
  }
});
