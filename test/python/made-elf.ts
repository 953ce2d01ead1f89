/** What a test wants an ELF file to say. */
export interface MadeElf {
  readonly machine?: number;
  readonly wide?: boolean;
  readonly needed?: readonly string[];
  readonly runpath?: string;
  readonly soname?: string;
  readonly interpreter?: string;
  /** Symbol versions, each asked of the library that has its kind: `GLIBC_` of `libc.so.6`. */
  readonly versions?: readonly string[];
  readonly type?: number;
  /** Bytes of code between the headers and the tables. */
  readonly code?: number;
}

const X86_64 = 62;
export const AARCH64 = 183;
export const ARM = 40;

/** A shared object without sections: a header, program headers, and a dynamic segment with what it names. */
export function makeElf(elf: MadeElf = {}): Buffer {
  const wide = elf.wide ?? true;
  const [headerSize, segmentSize, word] = wide ? [64, 56, 8] : [52, 32, 4];
  const strings = new Strings();
  const versions = elf.versions ?? [];
  const entries: [number, number][] = (elf.needed ?? []).map((name) => [1, strings.at(name)]);
  if (elf.soname !== undefined) entries.push([14, strings.at(elf.soname)]);
  if (elf.runpath !== undefined) entries.push([29, strings.at(elf.runpath)]);
  const libraries = new Set(versions.map(libraryOf));
  const need = Buffer.concat([...libraries].map((library, at) => needOf(library, versions.filter((version) => libraryOf(version) === library), at === libraries.size - 1, strings)));
  const interpreter = Buffer.from(elf.interpreter === undefined ? "" : `${elf.interpreter}\0`);
  const table = strings.bytes();
  const start = headerSize + 3 * segmentSize;
  const code = Buffer.alloc(elf.code ?? 0, "code");
  const needAt = start + interpreter.length + code.length;
  const tableAt = needAt + need.length;
  const dynamicAt = tableAt + table.length;
  // Addresses are not offsets: the segment is loaded at 0x400000.
  const BASE = 0x40_0000;
  entries.push([5, BASE + tableAt], [10, table.length], ...(versions.length === 0 ? [] : [[0x6fff_fffe, BASE + needAt] as [number, number], [0x6fff_ffff, libraries.size] as [number, number]]), [0, 0]);
  const dynamic = Buffer.concat(entries.map(([tag, value]) => Buffer.concat([number(tag, word), number(value, word)])));
  const size = dynamicAt + dynamic.length;
  const segments = [
    segment(wide, 1, 0, BASE, size),
    segment(wide, 2, dynamicAt, BASE + dynamicAt, dynamic.length),
    elf.interpreter === undefined ? segment(wide, 4, 0, 0, 0) : segment(wide, 3, start, BASE + start, interpreter.length),
  ];
  return Buffer.concat([header(elf, wide, headerSize, segmentSize), ...segments, interpreter, code, need, table, dynamic]);
}

function libraryOf(version: string): string {
  if (/^(?:GLIBCXX|CXXABI)_/.test(version)) return "libstdc++.so.6";
  return version.startsWith("GCC_") ? "libgcc_s.so.1" : "libc.so.6";
}

/** What is asked of one library, and where the next one's stands. */
function needOf(library: string, versions: readonly string[], isLast: boolean, strings: Strings): Buffer {
  const need = Buffer.alloc(16 + 16 * versions.length);
  need.writeUInt16LE(1, 0);
  need.writeUInt16LE(versions.length, 2);
  need.writeUInt32LE(strings.at(library), 4);
  need.writeUInt32LE(16, 8);
  need.writeUInt32LE(isLast ? 0 : need.length, 12);
  for (const [index, version] of versions.entries()) {
    need.writeUInt32LE(strings.at(version), 16 + 16 * index + 8);
    need.writeUInt32LE(index === versions.length - 1 ? 0 : 16, 16 + 16 * index + 12);
  }
  return need;
}

function header(elf: MadeElf, wide: boolean, headerSize: number, segmentSize: number): Buffer {
  const bytes = Buffer.alloc(headerSize);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, 1, 1]);
  bytes.writeUInt16LE(elf.type ?? 3, 16);
  bytes.writeUInt16LE(elf.machine ?? X86_64, 18);
  bytes.writeUInt32LE(1, 20);
  bytes.set(number(headerSize, wide ? 8 : 4), wide ? 32 : 28);
  bytes.writeUInt16LE(segmentSize, wide ? 54 : 42);
  bytes.writeUInt16LE(3, wide ? 56 : 44);
  return bytes;
}

function segment(wide: boolean, type: number, offset: number, address: number, size: number): Buffer {
  if (!wide) return Buffer.concat([type, offset, address, address, size, size, 4, 4].map((value) => number(value, 4)));
  return Buffer.concat([number(type, 4), number(4, 4), ...[offset, address, address, size, size, 8].map((value) => number(value, 8))]);
}

function number(value: number, width: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes.subarray(0, width);
}

class Strings {
  private text = "\0";

  at(text: string): number {
    const found = this.text.indexOf(`\0${text}\0`);
    if (found >= 0) return found + 1;
    const start = this.text.length;
    this.text += `${text}\0`;
    return start;
  }

  bytes(): Buffer {
    return Buffer.from(this.text, "latin1");
  }
}
