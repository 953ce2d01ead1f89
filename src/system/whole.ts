import type { Bytes } from "../model/index.ts";

/** A stream in memory, whole; for what is known to be small. */
export async function readWhole(bytes: Bytes): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The same as text, in UTF-8. */
export async function readWholeText(bytes: Bytes): Promise<string> {
  return (await readWhole(bytes)).toString("utf8");
}
