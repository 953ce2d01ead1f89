import { join, relative } from "node:path";
import { CaissonError, nearestWord, type Mismatch, type Platform } from "../model/index.ts";
import { parseCompletePlatform, platformPreset, platformPresets } from "../python/platform/index.ts";
import type { Context } from "../system/index.ts";
import type { PlatformConfig } from "./schema.ts";
import { readText } from "./toml-file.ts";

type Report = (mismatch: Mismatch) => void;

/**
 * The platforms of a workspace by the labels they were written with, in that order. Another Python than the system's own gives a platform
 * another label (`debian-12-py313`), so that no two artifacts of different content have one name. One that a file describes has the label that it is given here.
 */
export async function readPlatforms(ctx: Context, directory: string, labels: readonly string[], overrides: readonly (readonly [string, PlatformConfig])[], report: Report): Promise<ReadonlyMap<string, Platform>> {
  const platforms = new Map<string, Platform>();
  for (const [label] of overrides) if (!labels.includes(label)) report({ at: ["platforms", label], message: `\`${label}\` is not among the workspace's platforms`, hint: "add it to [workspace] platforms" });
  for (const [index, label] of labels.entries()) {
    const at = ["workspace", "platforms", index];
    const config = overrides.find(([name]) => name === label)?.[1] ?? {};
    const platform = config.file === undefined ? readPreset(label, config, at, report) : await readDescribed(ctx, directory, label, { ...config, file: config.file }, report);
    if (platform === undefined) continue;
    if ([...platforms.values()].some((other) => other.label === platform.label)) report({ at, message: `the platform \`${platform.label}\` is there twice` });
    platforms.set(label, platform);
  }
  return platforms;
}

function readPreset(label: string, { python }: PlatformConfig, at: Mismatch["at"], report: Report): Platform | undefined {
  const preset = platformPreset(label);
  if (preset !== undefined) return python === undefined ? preset : platformPreset(`${label.replace(/-py3[0-9]+$/, "")}-py${python.replace(".", "")}`);
  const known = platformPresets();
  const near = nearestWord(label, known.map((platform) => platform.label));
  report({ at, message: `unknown platform \`${label}\``, hint: near === undefined ? `known: ${known.filter(({ arch }) => arch === "x86_64").map((platform) => platform.label).join(", ")}; each also with -arm64 or -py312; any other by a \`file\` under [platforms.${label}]` : `did you mean \`${near}\`?` });
  return undefined;
}

/** A platform that a machine described itself: `caisson platform probe`, or pex. */
async function readDescribed(ctx: Context, directory: string, label: string, { file, python }: PlatformConfig & { readonly file: string }, report: Report): Promise<Platform | undefined> {
  const at = ["platforms", label, "file"];
  const wrong = (message: string, hint?: string): undefined => {
    report({ at, message, ...(hint === undefined ? {} : { hint }) });
    return undefined;
  };
  if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(label)) return wrong(`\`${label}\` cannot be a platform's label`, "small letters, digits, and `-` between them");
  if (python !== undefined) return wrong("`file` and `python` say the same thing", `the Python that \`${file}\` describes is taken; take \`python\` away`);
  const preset = platformPreset(label);
  try {
    const path = join(directory, file);
    const text = await readText(path, relative(ctx.cwd, path));
    if (text === undefined) return wrong(`there is no file \`${file}\``, "caisson platform probe USER@HOST > FILE");
    const found = parseCompletePlatform(file, text, preset?.os);
    if (preset !== undefined && !isSameMachine(preset, found)) return wrong(`\`${file}\` is not of \`${label}\`: it has ${describe(found)}, and that has ${describe(preset)}`, `call the platform something else, \`${label}-own\``);
    return { ...found, label };
  } catch (error) {
    if (!(error instanceof CaissonError)) throw error;
    for (const { message, hint } of error.problems) wrong(message, hint);
    return undefined;
  }
}

function isSameMachine(one: Platform, other: Platform): boolean {
  return describe(one) === describe(other);
}

function describe({ arch, libc, python }: Platform): string {
  return `${libc.family} ${libc.version}, CPython ${python.version}, ${arch}`;
}
