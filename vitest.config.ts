import { defineConfig, type ViteUserConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.ts";

const config: ViteUserConfig = defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/join-agent.ts", "test/support/real-python.ts"],
    pool: "forks",
    // Tests of hosts wait more than they compute.
    maxWorkers: 4,
    isolate: false,
    sequence: { sequencer: LongestFirst },
    // A test that expects nothing holds nothing: a loop over what turned out empty, say.
    expect: { requireAssertions: true },
    // For what hangs; a busy machine may be five times as slow as a quiet one.
    testTimeout: 180_000,
    hookTimeout: 300_000,
  },
});
export default config;
