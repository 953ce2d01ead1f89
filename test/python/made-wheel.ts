import { createHash } from "node:crypto";
import { mediaTypes, type Distribution } from "../../src/model/index.ts";
import { bytesSource, readWheel } from "../../src/python/index.ts";
import { sha256 } from "../../src/system/index.ts";
import { rawZip, type RawEnd, type RawMember } from "./raw-zip.ts";

const FILE_NAME = "demo-1.0-py3-none-any.whl";

type Content = string | Uint8Array;

/** What a test changes about a sound little wheel: `null` leaves a file out. */
export interface MadeWheel {
  readonly fileName?: string;
  readonly files?: Readonly<Record<string, Content | null>>;
  readonly modes?: Readonly<Record<string, number>>;
  /** Instead of the right one. */
  readonly record?: string | ((right: string) => string);
  /** More about single members, by name. */
  readonly members?: Readonly<Record<string, Partial<RawMember>>>;
  readonly more?: readonly RawMember[];
  readonly end?: RawEnd;
}

/** The bytes of `demo` 1.0, a package with one module, changed as told. */
export function makeWheel(change: MadeWheel = {}): { readonly fileName: string; readonly bytes: Buffer } {
  const files: Record<string, Content | null> = {
    "demo/__init__.py": "def main():\n    return 0\n",
    "demo-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n\nA demo.\n",
    "demo-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n\n",
    ...change.files,
  };
  const present = Object.entries(files).filter((entry): entry is [string, Content] => entry[1] !== null);
  const right = `${present.map(([path, content]) => recordRow(path, content)).join("")}demo-1.0.dist-info/RECORD,,\n`;
  const record = typeof change.record === "function" ? change.record(right) : (change.record ?? right);
  const all: readonly [string, Content][] = files["demo-1.0.dist-info/RECORD"] === null ? present : [...present, ["demo-1.0.dist-info/RECORD", record]];
  const members = all.map(([name, content]) => ({ name, content, mode: change.modes?.[name] ?? 0o100644, ...change.members?.[name] }));
  return { fileName: change.fileName ?? FILE_NAME, bytes: rawZip([...members, ...(change.more ?? [])], change.end) };
}

export function recordRow(path: string, content: Content, algorithm = "sha256"): string {
  return `${path.includes(",") ? `"${path}"` : path},${algorithm}=${createHash(algorithm).update(content).digest("base64url")},${Buffer.byteLength(content)}\n`;
}

export async function readMade(change: MadeWheel = {}): Promise<Distribution> {
  const { fileName, bytes } = makeWheel(change);
  return await readWheel(fileName, { digest: sha256(bytes), size: bytes.length, mediaType: mediaTypes.wheel }, bytesSource(bytes));
}

/** The text that a tree holds itself at a path. */
export function inlineText({ tree }: Distribution, path: string): string | undefined {
  const entry = tree.entries.find((each) => each.path === path);
  return entry?.kind === "file" && entry.source.from === "inline" ? entry.source.text : undefined;
}
