/**
 * Words as a line that every login shell reads as these words: sh, csh and fish alike.
 * What these would read differently within single quotes has no business in such a word, and whoever made it must have looked.
 */
export function quoteForAnyShell(words: readonly string[]): string {
  return words.map((word) => {
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    const letter = /['\\!\u0000-\u001F\u007F]/.exec(word)?.[0];
    if (letter !== undefined) throw new Error(`a word for a login shell has the character ${JSON.stringify(letter)}: ${word}`);
    return isPlain(word) ? word : `'${word}'`;
  }).join(" ");
}

/** Words as a value of ssh's ProxyCommand, which sh reads after ssh has put values in for what begins with `%`. `%h` and `%p` in brackets stay. */
export function quoteProxyCommand(words: readonly string[]): string {
  return words.map((word) => {
    const escaped = word === "[%h]:%p" ? word : word.replaceAll("%", "%%");
    return isPlain(escaped) ? escaped : `'${escaped.replaceAll("'", String.raw`'\''`)}'`;
  }).join(" ");
}

function isPlain(word: string): boolean {
  return /^[A-Za-z0-9_@+=:,./-]+$/.test(word);
}
