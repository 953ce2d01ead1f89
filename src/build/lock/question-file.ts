import type { ForeignNeed } from "./requirements.ts";

/** What uv is asked to solve, as a file by a name that tells uv how to read it. */
export interface QuestionFile {
  readonly name: "requirements.in" | "pyproject.toml";
  readonly text: string;
}

/** A list of requirements; where some have an index of their own, a project, since a list cannot say so. `addressOf` gives an index's address with what it takes to be let in. */
export function printQuestion(needs: readonly ForeignNeed[], addressOf: (index: NonNullable<ForeignNeed["index"]>) => string): QuestionFile {
  const own = needs.flatMap(({ name, index }) => (index === undefined ? [] : [[name, index] as const]));
  if (own.length === 0) return { name: "requirements.in", text: needs.map(({ text }) => `${text}\n`).join("") };
  const indexes = [...new Map(own.map(([, index]) => [index.name, index])).values()];
  const lines = [
    "[project]",
    'name = "what-is-asked"',
    'version = "0"',
    `dependencies = ${JSON.stringify(needs.map(({ text }) => text))}`,
    "[tool.uv.sources]",
    ...own.map(([name, index]) => `${JSON.stringify(name)} = { index = ${JSON.stringify(index.name)} }`),
    // Whoever is not meant for an index never asks it.
    ...indexes.flatMap((index) => ["[[tool.uv.index]]", `name = ${JSON.stringify(index.name)}`, `url = ${JSON.stringify(addressOf(index))}`, "explicit = true"]),
  ];
  return { name: "pyproject.toml", text: `${lines.join("\n")}\n` };
}
