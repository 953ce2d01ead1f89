import { crc32, deflateRawSync } from "node:zlib";
import { recordRow, type MadeWheel } from "./made-wheel.ts";
import { descriptor, extraField, longs, rawZip, zip64End } from "./raw-zip.ts";

/** A wheel that must be refused, the rule that refuses it, and what is wrong with it. */
export interface HostileWheel {
  readonly rule: string;
  readonly what: string;
  readonly wheel: MadeWheel;
}

const MODULE = "demo/__init__.py";
const TEXT = "def main():\n    return 0\n";
const INFO = "demo-1.0.dist-info";
const DATA = "demo-1.0.data";
const METADATA = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n";
const EVIL = "evil\n";

/** `demo` with one more member that RECORD lists, as honest as told. */
function extra(name: string, content: string | Uint8Array = EVIL, mode = 0o100644): MadeWheel {
  return { files: { [name]: content }, modes: { [name]: mode } };
}

function entryPoints(text: string | Uint8Array): MadeWheel {
  return { files: { [`${INFO}/entry_points.txt`]: text } };
}

function consoleScript(line: string): MadeWheel {
  return entryPoints(`[console_scripts]\n${line}\n`);
}

function changed(name: string, member: NonNullable<MadeWheel["members"]>[string]): MadeWheel {
  return { members: { [name]: member } };
}

function zip64(said: Parameters<typeof zip64End>[3]): MadeWheel {
  return { end: { zip64: (start, size, count) => zip64End(start, size, count, said) } };
}

function record(change: (right: string) => string): MadeWheel {
  return { record: change };
}

const z = (rule: number, what: string, wheel: MadeWheel): HostileWheel => ({ rule: `Z${rule}`, what, wheel });
const w = (rule: number, what: string, wheel: MadeWheel): HostileWheel => ({ rule: `W${rule}`, what, wheel });

const containers: readonly HostileWheel[] = [
  z(1, "another name in the local header", changed(MODULE, { local: { name: "demo/__evil__.py" } })),
  z(1, "another CRC in the local header", changed(MODULE, { local: { crc32: 1 } })),
  z(1, "another size in the local header", changed(MODULE, { local: { size: 3, compressedSize: 3 } })),
  z(1, "another method in the local header", changed(MODULE, { deflate: true, local: { method: 0 } })),
  z(1, "other flags in the local header", changed(MODULE, { local: { flags: 0x800 } })),
  z(1, "a stored member with two sizes", changed(MODULE, { central: { size: 3 } })),
  z(2, "a member that the central directory does not know", { more: [{ name: "demo/hidden.py", content: EVIL, hidden: "from-directory" }, { name: "demo/" }] }),
  z(2, "a last member that the central directory does not know", { more: [{ name: "demo/hidden.py", content: EVIL, hidden: "from-directory" }] }),
  z(1, "a directory that is a file in its local header", { more: [{ name: "demo/sub/", mode: 0o040755, local: { name: "demo/evil" } }] }),
  z(2, "a member that hides behind a directory", { more: [{ name: "demo/sub/", mode: 0o040755 }, { name: "demo/hidden.py", content: EVIL, hidden: "from-directory" }] }),
  z(2, "a directory entry that points into a member's data", changed(`${INFO}/WHEEL`, { central: { offset: 40 } })),
  z(2, "two directory entries for one local header", { more: [{ name: "demo/twice.py", content: TEXT, central: { offset: 0 }, hidden: "from-body" }] }),
  z(2, "bytes between two members", changed(MODULE, { behind: Buffer.from("nobody's") })),
  z(2, "bytes between the last member and the central directory", { end: { gap: Buffer.from("nobody's") } }),
  z(3, "a count that is too high", { end: { count: 9 } }),
  z(3, "a count that is too low", { end: { count: 2 } }),
  z(3, "two counts that differ", { end: { countHere: 2 } }),
  z(3, "bytes behind the end", { end: { after: Buffer.from("x") } }),
  z(3, "a comment that is longer than it says", { end: { comment: Buffer.from("abc"), commentLength: 1 } }),
  z(3, "a comment that is shorter than it says", { end: { commentLength: 9 } }),
  z(3, "a zip in the comment", { end: { comment: rawZip([{ name: "x", content: EVIL }]) } }),
  z(3, "a second end record behind the first", { end: { after: rawZip([]) } }),
  z(3, "a part of a zip on several disks", { end: { disk: 1 } }),
  z(3, "a member on another disk", changed(MODULE, { central: { disk: 1 } })),
  z(3, "a central directory that is larger than it says", { end: { size: 100 } }),
  z(3, "bytes between the central directory and the end record", { end: { zip64: () => Buffer.from("nobody's") } }),
  z(4, "a data descriptor without the flag", changed(MODULE, { behind: descriptor(TEXT) })),
  z(4, "the flag without a data descriptor", changed(MODULE, { both: { flags: 8 } })),
  z(4, "the flag in one header only", changed(MODULE, { local: { flags: 8 }, behind: descriptor(TEXT) })),
  z(4, "a data descriptor with another CRC", changed(MODULE, { both: { flags: 8 }, behind: descriptor(TEXT, { crc32: 7 }) })),
  z(4, "a data descriptor with another size", changed(MODULE, { both: { flags: 8 }, behind: descriptor(TEXT, { size: 7 }) })),
  z(5, "a zip64 end record with extensible data", zip64({ extensible: 8 })),
  z(5, "a zip64 end record with another count", zip64({ count: 9 })),
  z(5, "a zip64 locator that points elsewhere", zip64({ locator: 3 })),
  z(5, "a zip64 end record that is announced and missing", { end: { start: 0xffff_ffff } }),
  z(5, "zip64 sizes that are announced and missing", changed(MODULE, { central: { size: 0xffff_ffff, compressedSize: 0xffff_ffff } })),
  z(5, "a zip64 field that contradicts the header", changed(MODULE, { central: { extra: extraField(1, longs(9, 9)) } })),
  z(5, "two zip64 fields", changed(MODULE, { central: { extra: Buffer.concat([extraField(1, longs(24, 24)), extraField(1, longs(9, 9))]) } })),
  z(5, "an extra field that is longer than its room", changed(MODULE, { central: { extra: Buffer.from([1, 0, 99, 0]) } })),
  z(6, "a wrong CRC", changed(MODULE, { both: { crc32: 5 } })),
  z(6, "more content than it says", changed(MODULE, { deflate: true, both: { size: 3 } })),
  z(6, "less content than it says", changed(MODULE, { deflate: true, both: { size: 30 } })),
  z(6, "compressed data that are none", changed(MODULE, { data: Buffer.from("not deflated at all"), both: { method: 8, compressedSize: 19 } })),
  z(6, "bytes behind the compressed data", changed(MODULE, { data: Buffer.concat([deflateRawSync(TEXT), Buffer.from("more")]), both: { method: 8, compressedSize: deflateRawSync(TEXT).length + 4 } })),
  z(7, "a name that leads upwards", extra("demo/../../evil.py")),
  z(7, "an absolute name", extra("/etc/evil.py")),
  z(7, "a name with a drive", extra("C:/evil.py")),
  z(7, "a name with a backslash", extra("demo\\evil.py")),
  z(7, "a name with a zero byte", extra("demo/evil.py\u0000.txt")),
  z(7, "a name with a line end", extra("demo/evil\n.py")),
  z(7, "a name with an empty step", extra("demo//evil.py")),
  z(7, "a name with a step to itself", extra("demo/./evil.py")),
  z(7, "a name that is too long", extra(`demo/${"x".repeat(300)}.py`)),
  z(7, "a name that is empty", { more: [{ name: "", content: EVIL }] }),
  z(7, "a name that is not UTF-8", { more: [{ name: Buffer.from([0x64, 0xff, 0xfe]), content: EVIL, both: { flags: 0x800 } }] }),
  z(7, "a name that is not ASCII and not marked", { more: [{ name: "demo/é.py", content: EVIL }] }),
  z(8, "one path twice with different bytes", { more: [{ name: MODULE, content: EVIL }] }),
  z(8, "one path twice with different modes", { more: [{ name: MODULE, content: TEXT, mode: 0o100755 }] }),
  z(9, "a directory with content", { more: [{ name: "demo/sub/", content: EVIL, mode: 0o040755 }] }),
  z(9, "a directory by mode that is a file by name", extra("demo/sub", "", 0o040755)),
  z(10, "a method that few readers know", changed(MODULE, { both: { method: 12 } })),
  z(10, "an encrypted member", changed(MODULE, { both: { flags: 1 } })),
  z(11, "a symbolic link", extra("demo/link", "/etc/passwd", 0o120777)),
  z(11, "a device", extra("demo/device", "", 0o060644)),
  z(12, "a unicode-path field with another name", changed(MODULE, { central: { extra: unicodePath(MODULE, "demo/evil.py") } })),
  z(12, "a unicode-path field with another name in the local header", changed(MODULE, { local: { extra: unicodePath(MODULE, "demo/evil.py") } })),
  z(12, "two unicode-path fields", changed(MODULE, { central: { extra: Buffer.concat([unicodePath(MODULE, "demo/evil.py"), unicodePath(MODULE, MODULE)]) } })),
  z(13, "a file where a directory is needed", extra("demo", EVIL)),
  z(14, "a member that claims to grow more than deflate can", changed(MODULE, { deflate: true, both: { size: 0x7fff_ffff } })),
  z(14, "members that grow too much together", bomb()),
  z(15, "bytes before the first member", { end: { before: Buffer.from("#!/bin/sh\n") } }),
  z(15, "bytes before the first member, with offsets that know", changed(MODULE, { hidden: "from-directory" })),
];

/** 300 MB of zeros that each claim what they are, in 300 kB. */
function bomb(): MadeWheel {
  const zeros = Buffer.alloc(60 << 20);
  const member = { data: deflateRawSync(zeros), both: { method: 8, size: zeros.length, compressedSize: deflateRawSync(zeros).length, crc32: crc32(zeros) } };
  return { more: Array.from({ length: 5 }, (_, at) => ({ name: `demo/zeros${at}`, ...member })) };
}

function unicodePath(name: string, other: string): Buffer {
  const head = Buffer.alloc(5);
  head[0] = 1;
  head.writeUInt32LE(crc32(Buffer.from(name)), 1);
  return extraField(0x7075, Buffer.concat([head, Buffer.from(other)]));
}

const contents: readonly HostileWheel[] = [
  w(1, "a file name of four parts", { fileName: "demo-1.0-py3-none.whl" }),
  w(1, "a file name of seven parts", { fileName: "demo-1.0-1-py3-none-any-any.whl" }),
  w(1, "a file name with a build that begins with a letter", { fileName: "demo-1.0-b1-py3-none-any.whl" }),
  w(1, "a file name without a version", { fileName: "demo-banana-py3-none-any.whl" }),
  w(1, "a file name that is a path", { fileName: "../demo-1.0-py3-none-any.whl" }),
  w(2, "the dist-info of another distribution", { fileName: "other-1.0-py3-none-any.whl" }),
  w(2, "the dist-info of another version", { fileName: "demo-1.1-py3-none-any.whl" }),
  w(2, "two dist-info directories", extra("other-2.0.dist-info/METADATA", "Name: other\nVersion: 2.0\n")),
  w(2, "two dist-info directories that differ in case", extra("Demo-1.0.DIST-INFO/METADATA", METADATA)),
  w(2, "no dist-info directory", { files: { [`${INFO}/METADATA`]: null, [`${INFO}/WHEEL`]: null, [`${INFO}/RECORD`]: null } }),
  w(3, "no METADATA", { files: { [`${INFO}/METADATA`]: null } }),
  w(3, "no WHEEL", { files: { [`${INFO}/WHEEL`]: null } }),
  w(3, "no RECORD", { files: { [`${INFO}/RECORD`]: null } }),
  w(3, "METADATA of another distribution", { files: { [`${INFO}/METADATA`]: "Name: other\nVersion: 1.0\n" } }),
  w(3, "METADATA of another version", { files: { [`${INFO}/METADATA`]: "Name: demo\nVersion: 1.0.1\n" } }),
  w(3, "METADATA without a name", { files: { [`${INFO}/METADATA`]: "Version: 1.0\n" } }),
  w(4, "Wheel-Version 2.0", { files: { [`${INFO}/WHEEL`]: "Wheel-Version: 2.0\n" } }),
  w(4, "no Wheel-Version", { files: { [`${INFO}/WHEEL`]: "Generator: x\n" } }),
  w(7, "a RECORD path that leads upwards", record((right) => `${right}../../evil,sha256=x,1\n`)),
  w(7, "a RECORD row of two columns", record((right) => `${right}demo/x\n`)),
  w(7, "two RECORD rows that differ", record((right) => `${right}${recordRow(MODULE, EVIL)}`)),
  w(7, "a RECORD with a quote that does not end", record((right) => `${right}"demo/x,,\n`)),
  w(7, "a RECORD that is not UTF-8", { files: { [`${INFO}/RECORD`]: null }, more: [{ name: `${INFO}/RECORD`, content: Buffer.from([0xff, 0xfe, 0x2c, 0x2c]) }] }),
  w(7, "a size that is no number", record((right) => right.replace(",25\n", ",many\n"))),
  w(8, "a file that RECORD does not list", { more: [{ name: "demo/unlisted.py", content: EVIL }] }),
  w(8, "a file with another hash", record((right) => right.replace(/sha256=.{43}/, `sha256=${"A".repeat(43)}`))),
  w(8, "a file with another size", record((right) => right.replace(",25\n", ",23\n"))),
  w(8, "a file that md5 vouches for", record((right) => right.replace(/^.*\n/, recordRow(MODULE, TEXT, "md5")))),
  w(8, "a file that sha1 vouches for", record((right) => right.replace(/^.*\n/, recordRow(MODULE, TEXT, "sha1")))),
  w(8, "a file that nothing vouches for", record((right) => right.replace(/^.*\n/, `${MODULE},,\n`))),
  w(8, "a RECORD with a hash for itself", record((right) => right.replace("RECORD,,", "RECORD,sha256=AAAA,4"))),
  w(8, "a RECORD that lists its signature", extra(`${INFO}/RECORD.jws`, "{}")),
  w(8, "a RECORD that lists its other signature", extra(`${INFO}/RECORD.p7s`, "x")),
  w(8, "a file with another sha512", record((right) => right.replace(/^.*\n/, recordRow(MODULE, EVIL, "sha512").replace(",5\n", ",25\n")))),
  w(9, "a RECORD row without a file", record((right) => `${right}${recordRow("demo/gone.py", EVIL)}`)),
  w(10, "an unknown place in .data", extra(`${DATA}/stdlib/evil.py`)),
  w(10, "a file directly in .data", extra(`${DATA}/evil.py`)),
  w(10, "the .data directory of another distribution", extra("other-1.0.data/scripts/evil")),
  w(10, "another pyvenv.cfg", extra(`${DATA}/data/pyvenv.cfg`)),
  w(11, "a directory among the scripts", extra(`${DATA}/scripts/sub/tool`)),
  w(11, "a script whose name a shell would read", extra(`${DATA}/scripts/$(evil)`, "#!python\n")),
  w(11, "a script whose name has a quote", extra(`${DATA}/scripts/it's`, "#!python\n")),
  w(14, "an entry point that leaves bin/", consoleScript("../evil = demo:main")),
  w(14, "an entry point with an absolute name", consoleScript("/bin/sh = demo:main")),
  w(14, "an entry point with a backslash", consoleScript("..\\evil = demo:main")),
  w(14, "an entry point without a callable", consoleScript("demo = demo")),
  w(14, "an entry point with code in it", consoleScript("demo = demo:main(); import os")),
  w(14, "an entry point that is there twice", consoleScript("demo = demo:main\ndemo = demo:other")),
  w(14, "an entry point over two lines", consoleScript("demo = demo:main\n    import os")),
  w(14, "a line that is no entry point", consoleScript("demo: demo")),
  w(14, "an entry point before any section", entryPoints("demo = demo:main\n")),
  w(14, "entry points that are not UTF-8", entryPoints(Buffer.from([0x5b, 0xff, 0x5d]))),
  ...["python", "Python3", "python3.13", "python3.13t", "pythonw", "pypy3", "graalpy"].map((name) => w(14, `an entry point \`${name}\``, consoleScript(`${name} = demo:main`))),
  w(14, "a script with the interpreter's name", extra(`${DATA}/scripts/python3`, "#!/bin/sh\n")),
  w(14, "a file of .data/data/bin with the interpreter's name", extra(`${DATA}/data/bin/PYTHON3`, "#!/bin/sh\n")),
  w(22, "two files that go to one place", extra(`${DATA}/purelib/${MODULE}`)),
  w(22, "a script that goes where an entry point does", { files: { [`${INFO}/entry_points.txt`]: "[console_scripts]\ntool = demo:main\n", [`${DATA}/data/bin/tool`]: EVIL } }),
  w(22, "a file where another needs a directory", { files: { [`${DATA}/purelib/tool`]: EVIL, [`${DATA}/platlib/tool/x.py`]: EVIL } }),
];

export const hostileWheels: readonly HostileWheel[] = [...containers, ...contents];
