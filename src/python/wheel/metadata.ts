/** The headers of METADATA or WHEEL, names in lower case, each with its values in order. */
export type Headers = ReadonlyMap<string, readonly string[]>;

/**
 * The headers before the first empty line; a line that begins with space goes on with the one before.
 * Source: packaging.python.org/specifications/core-metadata (the email format, read as compat32 reads it)
 */
export function parseHeaders(text: string): Headers {
  const headers = new Map<string, string[]>();
  let last: string[] | undefined;
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (line === "") break;
    if (/^[ \t]/.test(line)) {
      if (last !== undefined) last.push(`${last.pop() ?? ""}\n${line}`);
      continue;
    }
    const [, name, value = ""] = /^([^\s:]+):[ \t]*(.*)$/.exec(line) ?? [];
    if (name === undefined) break;
    last = headers.get(name.toLowerCase()) ?? [];
    last.push(value.trimEnd());
    headers.set(name.toLowerCase(), last);
  }
  return headers;
}
