import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { strToU8, zipSync } from "fflate";

/** A distribution's file, made here. */
export interface Built {
  readonly name: string;
  readonly fileName: string;
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

export interface WheelOptions {
  readonly requires?: readonly string[];
  readonly requiresPython?: string;
  readonly extras?: readonly string[];
  /** `py3-none-any` where absent. */
  readonly tag?: string;
}

/** A small, sound wheel with one module. */
export function makeWheel(name: string, version: string, options: WheelOptions = {}): Built {
  const { requires = [], requiresPython, extras = [], tag = "py3-none-any" } = options;
  const written = name.replaceAll("-", "_");
  const info = `${written}-${version}.dist-info`;
  const files: Record<string, string> = {
    [`${written}.py`]: `version = "${version}"\n`,
    [`${info}/METADATA`]: metadata(name, version, requires, requiresPython, extras),
    [`${info}/WHEEL`]: `Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: ${tag.endsWith("any")}\nTag: ${tag}\n`,
  };
  const rows = Object.entries(files).map(([path, text]) => `${path},sha256=${createHash("sha256").update(text).digest("base64url")},${Buffer.byteLength(text)}\n`);
  const record = `${rows.join("")}${info}/RECORD,,\n`;
  const members = Object.entries({ ...files, [`${info}/RECORD`]: record }).map(([path, text]) => [path, strToU8(text)] as const);
  return built(name, `${written}-${version}-${tag}.whl`, zipSync(Object.fromEntries(members), { mtime: new Date("1980-01-01T12:00:00Z") }));
}

/** An sdist whose metadata is written down, so that nobody has to build it to know what it asks for. */
export function makeSdist(name: string, version: string, options: Pick<WheelOptions, "requires"> = {}): Built {
  const top = `${name.replaceAll("-", "_")}-${version}`;
  const requires = options.requires ?? [];
  const files = [
    [`${top}/PKG-INFO`, metadata(name, version, requires, undefined)],
    [`${top}/pyproject.toml`, `[project]\nname = "${name}"\nversion = "${version}"\ndependencies = ${JSON.stringify(requires)}\n`],
  ] as const;
  const blocks = files.flatMap(([path, text]) => [tarHeader(path, Buffer.byteLength(text)), padded(Buffer.from(text))]);
  return built(name, `${top}.tar.gz`, gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)])));
}

function metadata(name: string, version: string, requires: readonly string[], requiresPython: string | undefined, extras: readonly string[] = []): string {
  return ["Metadata-Version: 2.2", `Name: ${name}`, `Version: ${version}`, ...(requiresPython === undefined ? [] : [`Requires-Python: ${requiresPython}`]), ...extras.map((extra) => `Provides-Extra: ${extra}`), ...requires.map((text) => `Requires-Dist: ${text}`), ""].join("\n");
}

function tarHeader(path: string, size: number): Buffer {
  const header = Buffer.alloc(512);
  const put = (text: string, at: number): void => void header.write(text, at, "latin1");
  put(path, 0);
  put("0000644\0", 100);
  put("0000000\0", 108);
  put("0000000\0", 116);
  put(`${size.toString(8).padStart(11, "0")}\0`, 124);
  put("00000000000\0", 136);
  put("        ", 148);
  put("0", 156);
  put("ustar\x0000", 257);
  put(`${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

function built(name: string, fileName: string, bytes: Uint8Array): Built {
  return { name, fileName, bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
}
