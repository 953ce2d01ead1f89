/** A user and a password. */
export interface Login {
  readonly login: string;
  readonly password: string;
}

/** Who to be at a host, by the text of a netrc file; its `default` entry where no other fits. Source: netrc(5) */
export function findLogin(text: string, host: string): Login | undefined {
  const words = [...text.replaceAll(/^\s*#.*$/gm, "").matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) => quoted?.replaceAll(/\\(.)/g, "$1") ?? plain ?? "");
  let machine: string | undefined;
  let entry: Partial<Record<string, string>> = {};
  let fallback: Login | undefined;
  for (let at = 0; at <= words.length; at++) {
    const word = words[at];
    if (word === undefined || word === "machine" || word === "default") {
      const found = { login: entry["login"] ?? "", password: entry["password"] ?? "" };
      if (machine === host && entry["password"] !== undefined) return found;
      if (machine === "" && entry["password"] !== undefined) fallback ??= found;
      machine = word === "machine" ? words[++at] : "";
      entry = {};
    } else if (["login", "password", "account"].includes(word)) {
      entry = { ...entry, [word]: words[++at] ?? "" };
    } else if (word === "macdef") {
      // A macro goes on to an empty line, which is lost here; nothing after one is read.
      return fallback;
    }
  }
  return fallback;
}
