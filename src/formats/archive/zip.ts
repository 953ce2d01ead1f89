import { crc32 } from "node:zlib";
import { fail, OLDEST_TIME, type Bytes, type EpochSeconds } from "../../model/index.ts";
import { exactly, type NewMember } from "./member.ts";

/** Where zip64 would begin: bytes, and members. */
const LARGEST = 0xffff_fffe;
const MOST = 0xfffe;

/**
 * Members as a zip archive, stored: their weight is in wheels, which are deflated already. One time for all, in UTC.
 * Each content is read twice, because its checksum stands before it.
 * @throws CaissonError `format-unknown` where it would pass 4 GiB or 65,534 members, which plain zip cannot say
 * Source: APPNOTE.TXT 6.3.10, 4.3
 */
export async function* writeZip(members: AsyncIterable<NewMember>, time: EpochSeconds): Bytes {
  const directory: Uint8Array[] = [];
  let offset = 0;
  for await (const member of members) {
    const name = Buffer.from(member.path);
    const end = offset + 30 + name.length + member.size;
    if (end > LARGEST || directory.length === MOST) fail({ code: "format-unknown", message: "the bundle is too large for the format `zip`, which ends at 4 GiB", hint: "build it as tar.gz" });
    const fields = { name, crc: await checksum(member), size: member.size, stamp: dosTime(Math.max(time, OLDEST_TIME)) };
    const local = localHeader(fields);
    directory.push(centralHeader(fields, member, offset));
    offset = end;
    yield local;
    yield* exactly(member);
  }
  const central = Buffer.concat(directory);
  yield central;
  yield endRecord(directory.length, central.length, offset);
}

async function checksum(member: NewMember): Promise<number> {
  let crc = 0;
  for await (const chunk of exactly(member)) crc = crc32(chunk, crc);
  return crc;
}

interface Fields {
  readonly name: Uint8Array;
  readonly crc: number;
  readonly size: number;
  /** MS-DOS time in the lower, date in the upper 16 bits. */
  readonly stamp: number;
}

function localHeader(fields: Fields): Uint8Array {
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  writeShared(header, 4, fields);
  return Buffer.concat([header, fields.name]);
}

function centralHeader(fields: Fields, { kind, mode }: NewMember, offset: number): Uint8Array {
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  // Made on Unix, so that the upper half of the attributes is a file mode.
  header.writeUInt16LE((3 << 8) | 20, 4);
  writeShared(header, 6, fields);
  header.writeUInt16LE(kind === "directory" ? 0x10 : 0, 38);
  header.writeUInt16LE((kind === "directory" ? 0o040000 : 0o100000) | mode, 40);
  header.writeUInt32LE(offset, 42);
  return Buffer.concat([header, fields.name]);
}

/** The 24 bytes that local and central header have in common; method 0, no extra field; names are UTF-8. */
function writeShared(header: Buffer, at: number, { name, crc, size, stamp }: Fields): void {
  header.writeUInt16LE(20, at);
  header.writeUInt16LE(name.every((byte) => byte < 0x80) ? 0 : 1 << 11, at + 2);
  header.writeUInt32LE(stamp, at + 6);
  header.writeUInt32LE(crc, at + 10);
  header.writeUInt32LE(size, at + 14);
  header.writeUInt32LE(size, at + 18);
  header.writeUInt16LE(name.length, at + 22);
}

function endRecord(members: number, size: number, offset: number): Uint8Array {
  const record = Buffer.alloc(22);
  record.writeUInt32LE(0x06054b50, 0);
  record.writeUInt16LE(members, 8);
  record.writeUInt16LE(members, 10);
  record.writeUInt32LE(size, 12);
  record.writeUInt32LE(offset, 16);
  return record;
}

function dosTime(time: EpochSeconds): number {
  const moment = new Date(time * 1000);
  const date = ((moment.getUTCFullYear() - 1980) << 9) | ((moment.getUTCMonth() + 1) << 5) | moment.getUTCDate();
  const clock = (moment.getUTCHours() << 11) | (moment.getUTCMinutes() << 5) | (moment.getUTCSeconds() >> 1);
  return ((date << 16) | clock) >>> 0;
}
