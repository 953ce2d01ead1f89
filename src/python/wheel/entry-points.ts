import { refuse } from "./refuse.ts";

/** A console or gui script: `name = module:callable`. */
export interface EntryPoint {
  readonly name: string;
  /** `M:F`, without extras. */
  readonly value: string;
}

/**
 * The scripts that entry_points.txt asks for, rule W14. Other groups are read only for their form.
 * @throws CaissonError `wheel-invalid`
 * Source: packaging.python.org/specifications/entry-points; configparser's reading of indented lines
 */
export function parseEntryPoints(text: string): readonly EntryPoint[] {
  const scripts = new Map<string, string>();
  for (const { section, name, value } of parseIni(text)) {
    if (!SCRIPT_GROUPS.includes(section)) continue;
    const callable = readCallable(value);
    if (callable === undefined) return refuse("W14", `the entry point \`${name}\` needs a callable, \`module:function\`, and has ${JSON.stringify(value)}`);
    if ((scripts.get(name) ?? callable) !== callable) refuse("W14", `the entry point \`${name}\` is there twice`);
    scripts.set(name, callable);
  }
  return [...scripts].map(([name, value]) => ({ name, value }));
}

const SCRIPT_GROUPS: readonly string[] = ["console_scripts", "gui_scripts"];

/** `M:F` of `M:F [extra]`, or undefined. */
function readCallable(value: string): string | undefined {
  const [, module = "", callable = ""] = /^([^\s:[\]]+)\s*:\s*([^\s:[\]]+)\s*(?:\[[^\]]*\])?$/.exec(value) ?? [];
  return DOTTED.test(module) && DOTTED.test(callable) ? `${module}:${callable}` : undefined;
}

const DOTTED = /^[\p{L}_][\p{L}\p{N}_]*(?:\.[\p{L}_][\p{L}\p{N}_]*)*$/u;

interface Option {
  readonly section: string;
  readonly name: string;
  readonly value: string;
}

function parseIni(text: string): readonly Option[] {
  const options: Option[] = [];
  let section: string | undefined;
  let indent: number | undefined;
  for (const line of text.split(/\r\n|\n|\r/)) {
    const content = line.trim();
    if (content === "" || content.startsWith("#") || content.startsWith(";")) continue;
    const depth = line.length - line.trimStart().length;
    const last = options.at(-1);
    if (indent !== undefined && depth > indent && last !== undefined) {
      options.splice(-1, 1, { ...last, value: `${last.value}\n${content}` });
      continue;
    }
    const [, header] = /^\[([^\]]+)\]/.exec(content) ?? [];
    const equals = content.indexOf("=");
    if (header !== undefined) {
      section = header.trim();
      indent = undefined;
    } else if (section === undefined || equals <= 0) {
      refuse("W14", `entry_points.txt has a line that says nothing: ${JSON.stringify(content)}`);
    } else {
      options.push({ section, name: content.slice(0, equals).trim(), value: content.slice(equals + 1).trim() });
      indent = depth;
    }
  }
  return options;
}
