import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { userDirectory, type Context } from "../../system/index.ts";
import type { ToolSettings } from "./index-settings.ts";

/**
 * What pip was told: its files, the machine's before the user's, `[global]` before a command's own section; its environment last, so that it wins.
 * Source: pip.pypa.io/en/stable/topics/configuration
 */
export async function readPipSettings(ctx: Context): Promise<ToolSettings> {
  const read = await readFiles(ctx);
  const value = (key: string): string | undefined => ctx.env[`PIP_${key.toUpperCase().replaceAll("-", "_")}`] || SECTIONS.map((section) => read.get(`${section}.${key}`)).find((found) => found !== undefined);
  const words = (key: string): readonly string[] => (value(key) ?? "").split(/\s+/).filter((word) => word !== "");
  const [url, certificates] = [value("index-url"), value("cert")];
  return {
    ...(url === undefined ? {} : { url }),
    extra: words("extra-index-url"),
    findLinks: words("find-links"),
    ...(certificates === undefined ? {} : { certificates }),
    insecureHosts: words("trusted-host"),
    disabled: /^(?:1|true|yes|on|t|y)$/i.test(value("no-index") ?? ""),
  };
}

/** A command's own section beats the global one. We do what `pip download` and `pip install` would do. */
const SECTIONS: readonly string[] = ["download", "install", "global"];

async function readFiles(ctx: Context): Promise<ReadonlyMap<string, string>> {
  const { HOME: home = "/", PIP_CONFIG_FILE: own = "", XDG_CONFIG_DIRS: shared = "" } = ctx.env;
  // pip's word for "no files at all".
  const paths = own === "/dev/null" ? [] : [...(shared === "" ? "/etc/xdg" : shared).split(":").map((directory) => join(directory, "pip", "pip.conf")), "/etc/pip.conf", join(home, ".pip", "pip.conf"), join(userDirectory(ctx.env, "XDG_CONFIG_HOME", ".config"), "pip", "pip.conf"), ...(own === "" ? [] : [own])];
  const texts = await Promise.all(paths.map((path) => readFile(path, "utf8").catch(() => "")));
  return new Map(texts.flatMap((text) => [...parseIni(text)]));
}

/** `section.key` and value, as Python's configparser reads them; a value goes on in lines that are indented. */
function* parseIni(text: string): Iterable<readonly [string, string]> {
  let section = "";
  let open: [string, string] | undefined;
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*(?:[#;].*)?$/.test(line)) continue;
    if (open !== undefined && /^\s/.test(line)) {
      open[1] = `${open[1]}\n${line.trim()}`;
      continue;
    }
    if (open !== undefined) yield open;
    open = undefined;
    const header = /^\[([^\]]+)\]/.exec(line);
    if (header !== null) section = header[1]?.trim() ?? "";
    const [, key, value] = header === null ? (/^([^=:]+?)\s*[=:]\s*(.*)$/.exec(line) ?? []) : [];
    if (key !== undefined && value !== undefined) open = [`${section}.${key.trim().toLowerCase().replaceAll("_", "-")}`, value.trim()];
  }
  if (open !== undefined) yield open;
}
