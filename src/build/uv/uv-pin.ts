/** The first uv that knows what we ask of it. */
export const OLDEST = "0.13";

/** The one we bring where PATH has none. */
export const PINNED = "0.13.8";

/** Its wheels by machine, with the hashes that the public index lists for them; any index must serve the same bytes. */
export const WHEELS: Readonly<Record<string, { readonly fileName: string; readonly sha256: string }>> = {
  "x64 glibc": { fileName: "uv-0.13.8-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", sha256: "e18a57b8b352eb7c8feb317b9f6f533c8f0ad9673fd6cf34bbe3cf1a9f6a8984" },
  "x64 musl": { fileName: "uv-0.13.8-py3-none-musllinux_1_1_x86_64.whl", sha256: "29451c60f5e8b07403e0a175d5229efc36b0289b34143ff4aaa499a5dd52553a" },
  "arm64 glibc": { fileName: "uv-0.13.8-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl", sha256: "0b3e8b1a4f5e405e31e2ff33de8af4744831e9f7338539671efbd8c3c94e791d" },
  "arm64 musl": { fileName: "uv-0.13.8-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl", sha256: "0b3e8b1a4f5e405e31e2ff33de8af4744831e9f7338539671efbd8c3c94e791d" },
};
