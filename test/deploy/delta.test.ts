import { execFileSync } from "node:child_process";
import { join } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import { tellDifference } from "../../src/deploy/wire/delta.ts";
import { project } from "../support/machine.ts";

/** What an agent makes of a difference, in many cases at once. */
function patched(cases: readonly (readonly [base: Uint8Array, difference: Uint8Array])[]): readonly string[] {
  const program = "import json, sys\nfrom base64 import b64decode, b64encode\nfrom caisson_agent.incoming import patched\nfor base, difference in json.load(sys.stdin):\n    print(b64encode(b''.join(patched(b64decode(base), b64decode(difference)))).decode())";
  const text = JSON.stringify(cases.map((pair) => pair.map((bytes) => Buffer.from(bytes).toString("base64"))));
  return execFileSync("python3", ["-c", program], { cwd: join(project, "agent"), input: text, encoding: "utf8" }).split("\n").slice(0, -1);
}

it("tells bytes so that the agent has them again, whatever both are", () => {
  const piece = fc.oneof(fc.string({ maxLength: 40 }), fc.constantFrom("sha256:0000000000000000", '{"kind":"file","path":"site/a/b.py"}', "x".repeat(200)));
  const text = fc.array(piece, { maxLength: 12 }).map((pieces) => Buffer.from(pieces.join("")));
  const pairs = fc.sample(fc.tuple(text, text), 300);
  // Also with much in common: pieces of one put together anew.
  const moved = fc.sample(fc.tuple(text, fc.array(fc.tuple(fc.nat(300), fc.nat(300)), { maxLength: 6 })), 300).map(([base, cuts]) => [base, Buffer.concat(cuts.map(([from, length]) => base.subarray(from, from + length)))] as const);
  const all = [...pairs, ...moved];
  expect(patched(all.map(([base, bytes]) => [base, tellDifference(base, bytes)] as const))).toEqual(all.map(([, bytes]) => bytes.toString("base64")));
});

/** A document with the same digest in each of its 120 entries. */
function lines(digest: string): Buffer {
  return Buffer.from(Array.from({ length: 120 }, (_, at) => `{"path":"site/a/part_${at}.py","source":{"blob":"sha256:${digest.repeat(64)}","member":"a/part_${at}.py"}}`).join(","));
}

it("is short where a digest stands in every line and is another one", () => {
  const told = Buffer.from(tellDifference(lines("a"), lines("b")));
  expect(told.length).toBeLessThan(120 * (64 + 12));
  expect(patched([[lines("a"), told]])).toEqual([lines("b").toString("base64")]);
});

it("says that nothing has changed in a few bytes", () => {
  const bytes = Buffer.from("the same".repeat(1000));
  expect(Buffer.from(tellDifference(bytes, bytes)).toString()).toBe("[0,8000,0]\n");
});
