/**
 * A command as words, the way a POSIX shell cuts it and nothing more: quotes and backslashes, but no variables, globs or pipes.
 * Undefined where a quote or a backslash is left open.
 * Source: POSIX.1-2017, Shell Command Language, 2.2 Quoting
 */
export function splitWords(command: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote: "'" | '"' | undefined;
  for (let at = 0; at < command.length; at++) {
    const letter = command[at] ?? "";
    if (quote === undefined && /\s/.test(letter)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (quote === undefined && (letter === "'" || letter === '"')) {
      quote = letter;
      word ??= "";
    } else if (letter === quote) quote = undefined;
    else if (letter === "\\" && quote !== "'") {
      const next = command[++at];
      if (next === undefined) return undefined;
      // Within double quotes a backslash is itself before anything but these; elsewhere the newline after it joins two lines.
      const kept = quote === '"' && !'$`"\\\n'.includes(next) ? `\\${next}` : next;
      word = (word ?? "") + (next === "\n" ? "" : kept);
    } else word = (word ?? "") + letter;
  }
  if (quote !== undefined) return undefined;
  return word === undefined ? words : [...words, word];
}
