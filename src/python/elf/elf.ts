/** What one ELF file says about the host it needs. */
export interface Elf {
  readonly machine: "x86_64" | "aarch64" | "other";
  /** Symbol versions that it asks of its libraries, in the file's order. */
  readonly versions: readonly AskedVersion[];
  readonly needed: readonly string[];
  readonly soname?: string;
  /** RUNPATH, else RPATH, its parts as written. */
  readonly runpath: readonly string[];
  /** The program that loads it, for an executable. */
  readonly interpreter?: string;
}

/** `GLIBC_2.17` of `libc.so.6`. */
export interface AskedVersion {
  readonly library: string;
  readonly version: string;
}

/**
 * Read an ELF file by ranges, through its program headers and its dynamic segment alone, for a stripped file has no sections.
 * Undefined where it is no ELF file, is not something that is loaded (an object file), or is broken.
 * Source: System V ABI, chapters 4 and 5; LSB 5.0, symbol versioning
 */
export async function readElf(read: (offset: number, length: number) => Promise<Uint8Array>, size: number): Promise<Elf | undefined> {
  try {
    return await readLoadable(read, size);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Whether bytes begin as every ELF file does. */
export function beginsLikeElf(bytes: Uint8Array): boolean {
  return bytes.length >= 16 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

type ReadExact = (offset: number, length: number) => Promise<Numbers>;

async function readLoadable(read: (offset: number, length: number) => Promise<Uint8Array>, size: number): Promise<Elf | undefined> {
  const ident = await read(0, Math.min(64, size));
  const [wide, little] = [ident[4] === 2, ident[5] === 1];
  if (!beginsLikeElf(ident) || (!wide && ident[4] !== 1) || (!little && ident[5] !== 2) || size < (wide ? 64 : 52)) return undefined;
  const exact: ReadExact = async (offset, length) => {
    if (offset + length > size || length > LARGEST_TABLE) throw new RangeError("a table of an ELF file lies outside of it");
    return numbers(await read(offset, length), wide, little);
  };
  const header = await exact(0, wide ? 64 : 52);
  if (![EXECUTABLE, SHARED].includes(header.half(16))) return undefined;
  const segments = readSegments(await exact(header.word(wide ? 32 : 28), header.half(wide ? 54 : 42) * header.half(wide ? 56 : 44)), header.half(wide ? 54 : 42), wide);
  const machine = machineOf(header.half(18), wide && little);
  const interpreter = await readInterpreter(segments, exact);
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
  if (dynamic === undefined) return { machine, versions: [], needed: [], runpath: [], ...interpreter };
  const entries = readDynamic(await exact(dynamic.offset, dynamic.size), wide);
  const at = (tag: number): number | undefined => entries.find((entry) => entry.tag === tag)?.value;
  const strings = await readStrings(segments, at(DT_STRTAB), at(DT_STRSZ), exact);
  const soname = at(DT_SONAME);
  const runpath = at(DT_RUNPATH) ?? at(DT_RPATH);
  return {
    machine,
    versions: await readVersions(segments, at(DT_VERNEED), at(DT_VERNEEDNUM) ?? 0, strings, exact),
    needed: entries.filter(({ tag }) => tag === DT_NEEDED).map(({ value }) => strings(value)),
    ...(soname === undefined ? {} : { soname: strings(soname) }),
    runpath: runpath === undefined ? [] : strings(runpath).split(":").filter((part) => part !== ""),
    ...interpreter,
  };
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

function readSegments(table: Numbers, entrySize: number, wide: boolean): readonly Segment[] {
  if (entrySize < (wide ? 56 : 32)) throw new RangeError("an ELF file has odd program headers");
  return Array.from({ length: table.length / entrySize }, (_, index) => {
    const at = index * entrySize;
    if (wide) return { type: table.int(at), offset: table.word(at + 8), address: table.word(at + 16), size: table.word(at + 32) };
    return { type: table.int(at), offset: table.word(at + 4), address: table.word(at + 8), size: table.word(at + 16) };
  });
}

function machineOf(machine: number, wideAndLittle: boolean): Elf["machine"] {
  // x32 is x86_64 code in 32-bit files, and no interpreter of ours loads it.
  if (!wideAndLittle) return "other";
  return machine === 62 ? "x86_64" : machine === 183 ? "aarch64" : "other";
}

async function readInterpreter(segments: readonly Segment[], exact: ReadExact): Promise<{ readonly interpreter?: string }> {
  const segment = segments.find(({ type }) => type === PT_INTERP);
  return segment === undefined ? {} : { interpreter: (await exact(segment.offset, segment.size)).text(0) };
}

function readDynamic(table: Numbers, wide: boolean): readonly { readonly tag: number; readonly value: number }[] {
  const step = wide ? 16 : 8;
  const entries = Array.from({ length: Math.floor(table.length / step) }, (_, index) => ({ tag: table.word(index * step), value: table.word(index * step + step / 2) }));
  const end = entries.findIndex(({ tag }) => tag === 0);
  return end < 0 ? entries : entries.slice(0, end);
}

async function readStrings(segments: readonly Segment[], address: number | undefined, size: number | undefined, exact: ReadExact): Promise<(at: number) => string> {
  if (address === undefined || size === undefined) return () => "";
  const table = await exact(offsetOf(segments, address), size);
  return (at) => table.text(at);
}

async function readVersions(segments: readonly Segment[], address: number | undefined, count: number, strings: (at: number) => string, exact: ReadExact): Promise<readonly AskedVersion[]> {
  const versions: AskedVersion[] = [];
  let file = address === undefined ? undefined : offsetOf(segments, address);
  for (let left = count; left > 0 && file !== undefined; left--) {
    const need = await exact(file, 16);
    const library = strings(need.int(4));
    let entry = file + need.int(8);
    for (let each = need.half(2); each > 0; each--) {
      const version = await exact(entry, 16);
      versions.push({ library, version: strings(version.int(8)) });
      if (version.int(12) === 0) break;
      entry += version.int(12);
    }
    file = need.int(12) === 0 ? undefined : file + need.int(12);
  }
  return versions;
}

/** Where a loaded address lies in the file. */
function offsetOf(segments: readonly Segment[], address: number): number {
  const segment = segments.find(({ type, address: start, size }) => type === PT_LOAD && address >= start && address < start + size);
  if (segment === undefined) throw new RangeError("an address of an ELF file lies in no segment");
  return segment.offset + address - segment.address;
}

/** A table's numbers in the file's own width and order; reading beyond its end is a RangeError. */
interface Numbers {
  readonly length: number;
  half(at: number): number;
  int(at: number): number;
  /** 32 or 64 bits. */
  word(at: number): number;
  /** Up to the next zero byte. */
  text(at: number): string;
}

function numbers(bytes: Uint8Array, wide: boolean, little: boolean): Numbers {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    length: bytes.length,
    half: (at) => view.getUint16(at, little),
    int: (at) => view.getUint32(at, little),
    word: (at) => (wide ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little)),
    text: (at) => {
      const end = bytes.indexOf(0, at);
      if (at < 0 || end < 0) throw new RangeError("a string of an ELF file has no end");
      return new TextDecoder().decode(bytes.subarray(at, end));
    },
  };
}

const EXECUTABLE = 2;
const SHARED = 3;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_STRSZ = 10;
const DT_SONAME = 14;
const DT_RPATH = 15;
const DT_RUNPATH = 29;
const DT_VERNEED = 0x6fff_fffe;
const DT_VERNEEDNUM = 0x6fff_ffff;
/** Bytes; the string table of the largest library we met has 40 MB. */
const LARGEST_TABLE = 64 << 20;
