import { expect, it } from "vitest";
import type { Bytes } from "../../src/model/index.ts";
import { encodeFrame, readFrames, type Header } from "../../src/transport/frames.ts";

const MARKER = "0123456789abcdef0123456789abcdef";

async function* pieces(bytes: Uint8Array, length: number): Bytes {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

async function read(bytes: Uint8Array, length: number): Promise<readonly Header[]> {
  const headers: Header[] = [];
  for await (const header of readFrames(pieces(bytes, length), MARKER, () => undefined)) headers.push(header);
  return headers;
}

it("reads the frames it wrote, however the stream is cut", async () => {
  const headers = [{ beat: 1 }, { answer: 7, ok: true, facts: { name: "größe \u{1f600}" } }, { answer: 8, ok: false, code: "host-busy" }];
  const bytes = Buffer.concat([Buffer.from(`${MARKER}\n`), ...headers.map(encodeFrame)]);
  for (const length of [1, 2, 3, 5, 7, 64, bytes.length]) expect(await read(bytes, length)).toEqual(headers);
});

it("skips what a login shell prints before the marker", async () => {
  const bytes = Buffer.concat([Buffer.from(`Welcome to h1!\n\0\0\0\u0005noise${MARKER.slice(0, 9)}\n${MARKER}\n`), encodeFrame({ beat: 2 })]);
  expect(await read(bytes, 4)).toEqual([{ beat: 2 }]);
});

it("refuses an endless greeting and a length that no header has", async () => {
  await expect(read(Buffer.alloc(2 << 20, "x"), 1 << 16)).rejects.toMatchObject({ code: "unknown-state" });
  await expect(read(Buffer.from(`${MARKER}\nHTTP/1.1 400 Bad Request\r\n`), 64)).rejects.toMatchObject({ code: "unknown-state" });
  await expect(read(Buffer.from(`${MARKER}\n\0\0\0\u0003{x}`), 64)).rejects.toMatchObject({ code: "unknown-state" });
});
