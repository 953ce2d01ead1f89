/** A host and, where it was written down with it, a directory there. */
export interface HostWord {
  /** What ssh gets as its destination: `deploy@h1`, or `ssh://deploy@h1:2222` where a port was named. */
  readonly address: string;
  /** What people read: the host without user and port. */
  readonly name: string;
  readonly root?: string;
}

// No word begins with `-`, and none holds what a shell, or ssh's own `%` and config, would read as more than a name.
const USER = String.raw`[A-Za-z0-9_][A-Za-z0-9_.+@-]*\$?`;
const NAME = String.raw`[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?`;
const V6 = String.raw`[0-9A-Fa-f]*:[0-9A-Fa-f:.]+`;
const PLAIN = new RegExp(String.raw`^(?<user>${USER}@)?(?:(?<name>${NAME})|\[(?<v6>${V6})\])(?::(?<root>/.*))?$`, "s");
const URL_LIKE = new RegExp(String.raw`^ssh://(?<user>${USER}@)?(?<host>${NAME}|\[${V6}\])(?::(?<port>\d{1,5}))?(?<root>/.*)?$`, "s");

/**
 * A host as people write it: `deploy@h1`, `h1` of the user's ssh configuration, `deploy@[::1]`, `ssh://deploy@h1:2222`; each may end in a directory, `deploy@h1:/srv/shop`, `ssh://deploy@h1:2222/srv/shop`.
 * Undefined where it is none, or could be read as more than a host by ssh or a shell.
 */
export function parseHostWord(word: string): HostWord | undefined {
  const url = URL_LIKE.exec(word)?.groups;
  if (url !== undefined) {
    const { user = "", host = "", port, root } = url;
    if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) return undefined;
    const bare = host.replaceAll(/[[\]]/g, "");
    const address = port === undefined ? `${user}${bare}` : `ssh://${user}${host}:${Number(port)}`;
    return { address, name: bare, ...(root === undefined || root === "/" ? {} : { root }) };
  }
  // Behind `ssh:` a directory would have two slashes: what is no address of that form is none at all.
  const plain = word.startsWith("ssh://") ? undefined : PLAIN.exec(word)?.groups;
  if (plain === undefined) return undefined;
  const { user = "", name, v6 = "", root } = plain;
  const bare = name ?? v6;
  return { address: `${user}${bare}`, name: bare, ...(root === undefined ? {} : { root }) };
}

/** Whether a word is an address as `parseHostWord` makes them: what reaches ssh has been looked at, wherever it came from. */
export function isAddress(word: string): boolean {
  const bracketed = word.startsWith("ssh:") ? undefined : /^(?<user>.*@)?(?<v6>[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]+)$/.exec(word)?.groups;
  const found = parseHostWord(bracketed === undefined ? word : `${bracketed["user"] ?? ""}[${bracketed["v6"] ?? ""}]`);
  return found !== undefined && found.root === undefined && found.address === word;
}

/**
 * Why a directory cannot be a target's root on a host that is reached over ssh, as the end of a sentence; undefined where it can.
 * Its path goes through the host's login shell, whichever that is, so that it has none of the letters that shells quote differently.
 */
export function rootTrouble(root: string): string | undefined {
  if (!root.startsWith("/")) return "is not absolute";
  if (/^\/+$/.test(root)) return "is the host's top directory";
  if (root.split("/").includes("..")) return "leads upwards";
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  const letter = /[\u0000-\u001F\u007F'"\\!`$;|&<>*?(){}[\]#^\u2028\u2029]/.exec(root)?.[0];
  return letter === undefined ? undefined : `has the character ${JSON.stringify(letter)}`;
}
