/** Whether one of the hashes is by an algorithm that nobody can forge, and whole. */
export function hasSecureHash(hashes: Readonly<Record<string, string>>): boolean {
  return Object.entries(hashes).some(([algorithm, value]) => {
    const length = SECURE[algorithm];
    return length !== undefined && value.length === length && /^[0-9a-fA-F]+$/.test(value);
  });
}

/** Hex digits of each secure algorithm, under the names of Python's hashlib. */
const SECURE: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128, sha3_256: 64, sha3_384: 96, sha3_512: 128, blake2b: 128, blake2s: 64 };

/** The name that Node's `createHash` has for an algorithm of a lock; undefined where it knows none, so that the hash cannot be checked here. */
export function nodeHashName(algorithm: string): string | undefined {
  const names: Readonly<Record<string, string>> = { blake2b: "blake2b512", blake2s: "blake2s256" };
  if (["md5", "sha1", "sha224", ...Object.keys(SECURE)].includes(algorithm)) return names[algorithm] ?? algorithm.replace("_", "-");
  return undefined;
}
