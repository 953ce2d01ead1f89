import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { project } from "./machine.ts";

/** A fenced block of a guide: a file by its name (` +` behind it: at its end), or a transcript, of kind `console`. */
export interface Block {
  readonly kind: string;
  readonly name: string;
  readonly text: string;
}

/** The blocks of docs/guides/NAME.md, in order. */
export function readGuide(name: string): readonly Block[] {
  const page = readFileSync(join(project, "docs/guides", `${name}.md`), "utf8");
  return [...page.matchAll(/^```(?<kind>\w*)(?: (?<name>[^\n]+))?\n(?<text>[^]*?)^```$/gm)].map(({ groups = {} }) => ({ kind: groups["kind"] ?? "", name: groups["name"] ?? "", text: groups["text"] ?? "" }));
}

/** Do with a block that is a file what the guide's reader does. */
export function writeBlock(directory: string, { name, text }: Block): void {
  const path = join(directory, name.replace(/ \+$/, ""));
  mkdirSync(dirname(path), { recursive: true });
  if (name.endsWith(" +")) appendFileSync(path, `\n${text}`);
  else writeFileSync(path, text);
}

/** The platform of this machine, which pages write `debian-12`: what `caisson init` says in a directory of its own. */
export function platformHere({ directory, env }: { readonly directory: string; readonly env: Readonly<Record<string, string>> }): string {
  const place = join(directory, "elsewhere");
  mkdirSync(place);
  writeFileSync(join(place, "requirements.txt"), "");
  const { stdout } = spawnSync("caisson", ["init"], { cwd: place, env, encoding: "utf8" });
  return /platform (?<label>\S+)$/m.exec(stdout)?.groups?.["label"] ?? "no platform";
}
