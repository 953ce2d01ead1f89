import { join } from "node:path";
import { fail, type Platform } from "../../model/index.ts";
import type { Context } from "../../system/index.ts";

/** What an interpreter says of itself where it lies. */
export interface Probed {
  readonly version: string;
  readonly soabi: string;
  readonly arch: Platform["arch"];
  /** Shared libraries that it loaded from elsewhere, by name, libc's own aside. */
  readonly leansOn: readonly string[];
  /** Modules of the standard library that do not load. */
  readonly missing: readonly string[];
}

/**
 * Start an interpreter that somebody put into `directory`, and see that it keeps to it: its standard library, its own libpython and everything on its path lie there.
 * @throws CaissonError `interpreter-unfit`, with what leads out of the directory
 */
export async function probeInterpreter(ctx: Context, directory: string, executable: string): Promise<Probed> {
  const { status, stdout, stderr } = await ctx.run([join(directory, executable), "-I", "-B", "-c", PROGRAM], { cwd: "/", env: { PATH: "/usr/bin:/bin", LC_ALL: "C.UTF-8" }, timeout: 60 });
  if (status !== 0) refuse("it does not start where it was put", new Error(stderr.trim().split("\n").slice(-5).join("\n")));
  const said = JSON.parse(Buffer.from(stdout).toString("utf8")) as Omit<Probed, "leansOn" | "arch"> & { readonly arch: string; readonly implementation: string; readonly places: readonly string[]; readonly loaded: readonly string[] };
  if (said.implementation !== "cpython" || !/^3\.(?:[6-9]|\d\d)\./.test(said.version)) fail({ code: "interpreter-unfit", message: `this is ${said.implementation} ${said.version}, and releases run on CPython 3.6 and newer` });
  const { arch } = said;
  if (arch !== "x86_64" && arch !== "aarch64") return fail({ code: "interpreter-unfit", message: `this interpreter is for ${arch}; x86_64 and aarch64 are known` });
  const outside = said.places.find((place) => !place.startsWith(`${directory}/`));
  if (outside !== undefined) refuse(`it looks for its modules in \`${outside}\``);
  const foreign = said.loaded.filter((path) => !path.startsWith(`${directory}/`));
  const libpython = foreign.find((path) => /\/libpython3[^/]*\.so/.test(path));
  if (libpython !== undefined) refuse(`it loads \`${libpython}\``);
  const names = foreign.map((path) => path.slice(path.lastIndexOf("/") + 1)).filter((name) => !LIBC.test(name));
  return { version: said.version, soabi: said.soabi, arch, missing: said.missing, leansOn: [...new Set(names)].toSorted() };
}

function refuse(message: string, cause?: unknown): never {
  return fail({ code: "interpreter-unfit", message: `this build is not relocatable: ${message}`, hint: "take a relocatable build, such as those of python-build-standalone" }, cause);
}

/** Libraries that are libc's, under the names of glibc and musl. */
const LIBC = /^(?:ld-|lib(?:c|m|dl|rt|pthread|util|nsl|resolv|crypt|gcc_s)[.-]|libc\.musl)/;

const PROGRAM = `
import json, os, sys, sysconfig
missing = []
for name in ("zlib", "ssl", "hashlib", "ctypes", "sqlite3", "bz2", "lzma", "select", "socket", "subprocess", "uuid", "venv"):
    try:
        __import__(name)
    except ImportError:
        missing.append(name)
with open("/proc/self/maps") as maps:
    loaded = sorted({line.split(None, 5)[5].rstrip("\\n") for line in maps if ".so" in line and "/" in line})
places = [sys.prefix + "/", os.__file__] + [place for place in sys.path if os.path.exists(place)]
print(json.dumps({"version": "%d.%d.%d" % sys.version_info[:3], "implementation": sys.implementation.name, "soabi": sysconfig.get_config_var("SOABI") or "", "arch": os.uname().machine, "places": places, "loaded": loaded, "missing": missing}))
`;
