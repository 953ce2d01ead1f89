/** Names in few words: `web[01-40], db1`. Numbers of one width, or without leading zeros, that follow each other stand as a span; the rest as they are. */
export function foldNames(names: readonly string[]): string {
  const folded: string[] = [];
  let span: { readonly head: string; readonly tail: string; readonly first: string; last: string } | undefined;
  const end = (): void => {
    if (span !== undefined) folded.push(span.first === span.last ? `${span.head}${span.first}${span.tail}` : `${span.head}[${span.first}-${span.last}]${span.tail}`);
    span = undefined;
  };
  for (const name of names.toSorted(compareNames)) {
    const { head = "", number = "", tail = "" } = /^(?<head>.*?)(?<number>\d+)(?<tail>\D*)$/.exec(name)?.groups ?? {};
    if (span !== undefined && number !== "" && span.head === head && span.tail === tail && follows(span.last, number)) {
      span.last = number;
      continue;
    }
    end();
    if (number === "") folded.push(name);
    else span = { head, tail, first: number, last: number };
  }
  end();
  return folded.join(", ");
}

/** `09` is followed by `10`, `9` as well; `9` not by `010`. */
function follows(before: string, after: string): boolean {
  const padded = before.startsWith("0") || after.startsWith("0");
  return Number(after) === Number(before) + 1 && (!padded || before.length === after.length);
}

/** Digits count as numbers. */
function compareNames(a: string, b: string): number {
  collator ??= new Intl.Collator("en", { numeric: true });
  return collator.compare(a, b);
}

/** Made when two names are compared: it reads the tables of a language. */
let collator: Intl.Collator | undefined;
