/** The address of some bytes: `sha256:` and 64 lower-case hex digits. */
export type Digest = `sha256:${string}`;

/** Seconds since 1970-01-01 UTC, an integer. The one clock of an output is a commit time. */
export type EpochSeconds = number;

/** 1980-01-01, the oldest that a zip can hold: the time of what has none of its own. */
export const OLDEST_TIME: EpochSeconds = 315_532_800;

/** What some bytes are: their address, their length and their media type. */
export interface Descriptor {
  readonly digest: Digest;
  readonly size: number;
  readonly mediaType: string;
}

const SHAPE = /^sha256:[0-9a-f]{64}$/;

/** The digest that `text` is, or undefined where it is none. */
export function parseDigest(text: string): Digest | undefined {
  return SHAPE.test(text) ? (text as Digest) : undefined;
}

/** The 64 hex digits of a digest, as file names and `sha256sum` want them. */
export function digestHex(digest: Digest): string {
  return digest.slice("sha256:".length);
}
