import { createHash } from "node:crypto";
import type { Bytes } from "../../src/model/index.ts";

/** Law 7, its first loop: make something twice, to be compared. `between` may change what must not matter. Digests in hex. */
export async function makeTwice(make: () => Bytes, between: () => void | Promise<void> = () => undefined): Promise<{ readonly first: string; readonly second: string }> {
  const first = await digestOf(make());
  await between();
  return { first, second: await digestOf(make()) };
}

async function digestOf(bytes: Bytes): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of bytes) hash.update(chunk);
  return hash.digest("hex");
}
