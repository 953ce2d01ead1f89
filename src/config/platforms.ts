import { nearestWord, type Mismatch, type Platform } from "../model/index.ts";
import type { PlatformConfig } from "./schema.ts";
import { platformFromFacts, platformPreset, platformPresets } from "../python/platform/index.ts";

/**
 * The platforms of a workspace by the labels they were written with, in that order. Another Python than the system's own gives a platform
 * another label (`debian-12-py313`), so that no two artifacts of different content have one name.
 */
export function readPlatforms(labels: readonly string[], overrides: readonly (readonly [string, PlatformConfig])[], report: (mismatch: Mismatch) => void): ReadonlyMap<string, Platform> {
  const platforms = new Map<string, Platform>();
  for (const [label] of overrides) if (!labels.includes(label)) report({ at: ["platforms", label], message: `\`${label}\` is not among the workspace's platforms`, hint: "add it to [workspace] platforms" });
  for (const [index, label] of labels.entries()) {
    const at = ["workspace", "platforms", index];
    const preset = platformPreset(label);
    if (preset === undefined) {
      const known = platformPresets();
      const near = nearestWord(label, known.map((platform) => platform.label));
      report({ at, message: `unknown platform \`${label}\``, hint: near === undefined ? `known: ${known.filter(({ arch }) => arch === "x86_64").map((platform) => platform.label).join(", ")}; each also with -arm64 or -py312` : `did you mean \`${near}\`?` });
      continue;
    }
    const python = overrides.find(([name]) => name === label)?.[1].python;
    const platform = python === undefined ? preset : platformFromFacts({ ...preset, python }, preset.evidence);
    if ([...platforms.values()].some((other) => other.label === platform.label)) report({ at, message: `the platform \`${platform.label}\` is there twice` });
    platforms.set(label, platform);
  }
  return platforms;
}
