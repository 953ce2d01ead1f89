/** A text as one word of sh that means itself. */
export function quoteWord(text: string): string {
  return `"${escapeQuoted(text)}"`;
}

/** A text between double quotes, where these four characters have a meaning and no others. */
export function escapeQuoted(text: string): string {
  return text.replaceAll(/[\\"$`]/g, "\\$&");
}
