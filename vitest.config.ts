import { defineConfig, type ViteUserConfig } from "vitest/config";

const config: ViteUserConfig = defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/join-agent.ts"],
    pool: "forks",
    // Tests of hosts wait more than they compute.
    maxWorkers: 3,
    isolate: false,
    // For what hangs; a busy machine may be five times as slow as a quiet one.
    testTimeout: 180_000,
    hookTimeout: 300_000,
  },
});
export default config;
