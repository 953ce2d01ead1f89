import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createHash } from "node:crypto";
import { gzipSync, strToU8, zipSync } from "fflate";

/**
 * A workspace with everything that a key has to know of: a compiled extension (`core`), a package that needs it and an sdist (`web`), one with a lock beside it (`job`), and files (`conf`).
 * What comes from elsewhere lies in `wheels/`, but for real back ends.
 */
const FORGE: Readonly<Record<string, string>> = {
  ".gitignore": "wheels\ndist\n.home\n",
  "caisson.toml": `[workspace]
name = "forge"

[packages.core]
path = "core"
[packages.web]
path = "web"
processes.web = { command = "web serve", listen = "127.0.0.1:8000" }
[packages.job]
path = "job"
[packages.conf]
kind = "files"
path = "conf"
prefix = "etc/forge"

[index]
find-links = ["wheels"]

[targets.here]
root = "root"
`,
  "core/pyproject.toml": '[build-system]\nrequires = ["setuptools>=61"]\nbuild-backend = "setuptools.build_meta"\n\n[project]\nname = "core"\nversion = "1.0"\n[tool.setuptools]\npackages = ["core"]\n',
  "core/setup.py": 'from setuptools import Extension, setup\n\nsetup(ext_modules=[Extension("core._fast", ["fast.c"])])\n',
  "core/fast.c": '#define PY_SSIZE_T_CLEAN\n#include <Python.h>\nstatic struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_fast", 0, -1, 0};\nPyMODINIT_FUNC PyInit__fast(void) { return PyModule_Create(&module); }\n',
  "core/core/__init__.py": '"""Core."""\n',
  "web/pyproject.toml": '[build-system]\nrequires = ["flit_core>=3.9,<4"]\nbuild-backend = "flit_core.buildapi"\n\n[project]\nname = "web"\nversion = "1.0"\ndescription = "Web"\ndependencies = ["core", "forge-tool>=1", "forge-sourced"]\n[project.optional-dependencies]\nmore = ["forge-extra"]\n[project.scripts]\nweb = "web:main"\n',
  "web/web.py": '"""Web."""\ndef main():\n    print("web")\n',
  "web/run.sh": "#!/bin/sh\nexec web\n",
  "job/pyproject.toml": '[build-system]\nrequires = ["forge-backend>=1"]\nbuild-backend = "forge_backend"\n\n[project]\nname = "job"\nversion = "1.0"\ndependencies = ["forge-tool"]\n',
  "job/job.py": '"""Job."""\n',
  "conf/VERSION": "1.0\n",
  "conf/forge.ini": "x = 1\n",
  "conf/deep/er.ini": "y = 1\n",
  "README.md": "A forge.\n",
  "shared/words.txt": "words\n",
};

/** Write the workspace into a directory, with links and the files that come from elsewhere; commit it. */
export function writeForge(directory: string, git: (...words: readonly string[]) => unknown): void {
  write(directory, FORGE);
  symlinkSync("forge.ini", join(directory, "conf/link.ini"));
  for (const file of [wheel("forge-tool", "1.0", { "forge_tool.py": "version = 1\n" }), wheel("forge-extra", "1.0", { "forge_extra.py": "" }), backend("1.0"), sourced("1.0")]) write(directory, { [`wheels/${file.name}`]: file.bytes });
  write(directory, { "job/pylock.toml": jobLock() });
  git("init", "-q");
  git("add", "-A");
  git("commit", "-qm", "forge");
}

export function write(directory: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
}

export interface ForgeFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A small wheel. */
export function wheel(name: string, version: string, files: Readonly<Record<string, string>>): ForgeFile {
  const top = `${name.replaceAll("-", "_")}-${version}`;
  const all: Record<string, string> = { ...files, [`${top}.dist-info/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`, [`${top}.dist-info/WHEEL`]: "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n" };
  const rows = Object.entries(all).map(([path, text]) => `${path},sha256=${createHash("sha256").update(text).digest("base64url")},${Buffer.byteLength(text)}\n`);
  const members = Object.entries({ ...all, [`${top}.dist-info/RECORD`]: `${rows.join("")}${top}.dist-info/RECORD,,\n` }).map(([path, text]) => [path, strToU8(text)] as const);
  return { name: `${top}-py3-none-any.whl`, bytes: zipSync(Object.fromEntries(members), { mtime: new Date("1980-01-01T12:00:00Z") }) };
}

/** A back end of one file, which puts its own version into every wheel, and that of `forge-part`, which a project may make it ask for: `asks = ["forge-part"]`. */
export function backend(version: string): ForgeFile {
  return wheel("forge-backend", version, { "forge_backend.py": `import base64, glob, hashlib, os, re, zipfile\n\nVERSION = "${version}"\n${BACKEND}` });
}

/** What a back end may need besides. */
export function part(version: string): ForgeFile {
  return wheel("forge-part", version, { "forge_part.py": `version = "${version}"\n` });
}

/** An sdist that is built by that back end. */
export function sourced(version: string, more = ""): ForgeFile {
  const top = `forge_sourced-${version}`;
  const files = [
    [`${top}/PKG-INFO`, `Metadata-Version: 2.2\nName: forge-sourced\nVersion: ${version}\n`],
    [`${top}/pyproject.toml`, `[build-system]\nrequires = ["forge-backend"]\nbuild-backend = "forge_backend"\n\n[project]\nname = "forge-sourced"\nversion = "${version}"\n${more}`],
    [`${top}/forge_sourced.py`, "sourced = True\n"],
  ] as const;
  return { name: `${top}.tar.gz`, bytes: gzipSync(execFileSync("python3", ["-c", TAR], { input: JSON.stringify(files) })) };
}

/** The lock that stands beside `job`. */
function jobLock(comment = ""): string {
  const { name, bytes } = wheel("forge-tool", "1.0", { "forge_tool.py": "version = 1\n" });
  return `${comment}lock-version = "1.0"\ncreated-by = "test"\n\n[[packages]]\nname = "forge-tool"\nversion = "1.0"\n\n[[packages.wheels]]\nname = "${name}"\npath = "../wheels/${name}"\nhashes = { sha256 = "${createHash("sha256").update(bytes).digest("hex")}" }\n`;
}

const TAR = "import io, json, sys, tarfile\nout = tarfile.open(fileobj=sys.stdout.buffer, mode='w|')\nfor name, text in json.load(sys.stdin):\n    member = tarfile.TarInfo(name)\n    member.size = len(text.encode())\n    out.addfile(member, io.BytesIO(text.encode()))\nout.close()\n";

const BACKEND = `
def get_requires_for_build_wheel(config_settings=None):
    asks = re.search("^asks = \\\\[(.*)\\\\]", open("pyproject.toml").read(), re.M)
    return re.findall('"([^"]+)"', asks.group(1)) if asks else []

def part():
    try:
        import forge_part
    except ImportError:
        return ""
    return " with part " + forge_part.version

def build_wheel(directory, config_settings=None, metadata_directory=None):
    text = open("pyproject.toml").read()
    name, version = [re.search('^%s = "(.*)"' % key, text, re.M).group(1) for key in ("name", "version")]
    requires = re.search("^dependencies = \\\\[(.*)\\\\]", text, re.M)
    needs = re.findall('"([^"]+)"', requires.group(1)) if requires else []
    top = "%s-%s" % (name.replace("-", "_"), version)
    info = top + ".dist-info/"
    files = {path: open(path, "rb").read() for path in glob.glob("*.py")}
    files[info + "METADATA"] = "".join(["Metadata-Version: 2.1\\n", "Name: %s\\nVersion: %s\\n" % (name, version)] + ["Requires-Dist: %s\\n" % need for need in needs]).encode()
    files[info + "WHEEL"] = ("Wheel-Version: 1.0\\nGenerator: forge %s%s\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n" % (VERSION, part())).encode()
    rows = ["%s,sha256=%s,%d\\n" % (path, base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode(), len(data)) for path, data in files.items()]
    files[info + "RECORD"] = ("".join(rows) + info + "RECORD,,\\n").encode()
    file = top + "-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, file), "w") as out:
        for path, data in files.items():
            out.writestr(path, data)
    return file
`;
