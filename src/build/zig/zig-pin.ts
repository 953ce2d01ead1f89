/** The zig that we know. */
export const ZIG = "0.15.2";

/** The newest glibc that it can compile for. */
export const NEWEST_GLIBC = "2.42";

/** Wheels of it by the machine that it runs on, with the hashes that the public index lists for them; any index must serve the same bytes. */
export const WHEELS: Readonly<Record<string, { readonly fileName: string; readonly sha256: string }>> = {
  x64: { fileName: "ziglang-0.15.2-py3-none-manylinux_2_12_x86_64.manylinux2010_x86_64.musllinux_1_1_x86_64.whl", sha256: "806316453d1ede7174ed3fefb8e5348154629089c3bb5fe812dfd0e172fac130" },
  arm64: { fileName: "ziglang-0.15.2-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl", sha256: "edc0aa60ec964a4cf462d40f68d7de242ddf37fd9a80f2afaee6397059463230" },
};
