import { fail, type Platform } from "../../model/index.ts";
import { compareVersions } from "../../python/index.ts";

/**
 * uv's name for a platform, of the nearest lower glibc: what is locked fits, and the choice of files is made by the platform's own tags.
 * @throws CaissonError `platform-unknown` below glibc 2.17
 */
export function uvPlatform({ label, arch, libc }: Platform): string {
  if (libc.family === "musl") return `${arch}-unknown-linux-musl`;
  const nearest = GLIBC.findLast((version) => compareVersions(version, libc.version) <= 0);
  if (nearest === undefined) return fail({ code: "platform-unknown", message: `uv can lock for glibc 2.17 and later, and ${label} has ${libc.version}`, hint: "write its lock by hand, as pylock.toml beside pyproject.toml" });
  return `${arch}-manylinux_${nearest.replace(".", "_")}`;
}

/** The glibc versions that uv has a name for. */
const GLIBC = ["2.17", "2.28", "2.31", "2.32", "2.33", "2.34", "2.35", "2.36", "2.37", "2.38", "2.39", "2.40"];
