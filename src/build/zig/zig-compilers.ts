import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { quoteWord } from "../../formats/index.ts";
import type { Platform } from "../../model/index.ts";
import { compareVersions } from "../../python/index.ts";
import { makeDirectory } from "../../system/index.ts";
import { COMPILERS, type Compilers } from "../wheel/compilers.ts";
import type { TargetHeaders } from "./headers.ts";
import { NEWEST_GLIBC } from "./zig-pin.ts";
import type { Zig } from "./zig.ts";

/** What zig compiles for: `x86_64-linux-gnu.2.17`. A glibc that is newer than all it knows runs what was made for an older one. */
export function zigTarget({ arch, libc }: Pick<Platform, "arch" | "libc">): string {
  return `${arch}-linux-gnu.${compareVersions(libc.version, NEWEST_GLIBC) > 0 ? NEWEST_GLIBC : libc.version}`;
}

/**
 * Programs with the names of compilers, which are zig for a target; its Python's headers come before any other.
 * Headers and libraries of this machine are nowhere to be found: what is compiled knows libc, libc++ and that Python, and what it brings itself.
 */
export async function zigCompilers(scratch: string, path: string, zig: Zig, target: string, headers: TargetHeaders): Promise<Compilers> {
  const directory = join(scratch, "compilers");
  await makeDirectory(directory);
  await mkdir(zig.cache, { recursive: true });
  const write = async (name: string, text: string): Promise<void> => {
    await writeFile(join(directory, name), `#!/bin/sh\n${text}\n`);
    await chmod(join(directory, name), 0o755);
  };
  for (const [name, language] of COMPILERS) await write(name, language === undefined ? `echo 'zig compiles C and C++ alone' >&2\nexit 1` : compiler(path, `${quoteWord(zig.path)} ${language}`, target, headers, scratch));
  for (const name of ["ar", "ranlib"]) await write(name, `exec ${quoteWord(zig.path)} ${name} "$@"`);
  const env = {
    CC: "cc", CXX: "c++", LDSHARED: "cc -shared", LDCXXSHARED: "c++ -shared", AR: "ar", RANLIB: "ranlib",
    ZIG_GLOBAL_CACHE_DIR: zig.cache,
    ZIG_LOCAL_CACHE_DIR: join(scratch, "zig"),
    ...headers.env,
  };
  return { directories: [directory], env, haveRefused: () => Promise.resolve(false) };
}

/** Words that name places of this machine, or that only gcc knows, are left out. So is all that is there for debuggers: it would tell where the build lay, and zig. */
function compiler(path: string, program: string, target: string, { directory }: TargetHeaders, scratch: string): string {
  return `if [ -n "\${CARGO_MANIFEST_DIR-}" ]; then
  PATH=${quoteWord(path)} exec "\${0##*/}" "$@"
fi
last=-s
for argument; do
  shift
  case $argument in
    -c|-E|-S|-M|-MM) last=-g0; set -- "$@" "$argument" ;;
    -I/usr/include|-I/usr/include/*|-I/usr/local/include|-L/lib|-L/lib64|-L/lib/*|-L/usr/lib|-L/usr/lib64|-L/usr/lib/*|-L/usr/local/lib) ;;
    -specs=*|-Wl,-rpath,/*|-Wl,-rpath=/*|-Wl,-Bsymbolic-functions|-Wl,--enable-new-dtags|-ffat-lto-objects|-flto*|-fno-semantic-interposition|-march=native|-mtune=native) ;;
    *) set -- "$@" "$argument" ;;
  esac
done
exec ${program} -target ${target} -I${quoteWord(directory)} -ffile-prefix-map=${quoteWord(scratch)}=. -fno-sanitize=undefined "$@" -g0 $last`;
}
