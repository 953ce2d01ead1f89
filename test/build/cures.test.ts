import { expect, it } from "vitest";
import { cureFor } from "../../src/build/wheel/cures.ts";

it.each([
  ["LookupError: setuptools-scm was unable to detect version for /tmp/x/source.", "fallback_version"],
  ["error: Multiple top-level packages discovered in a flat-layout: ['od', 'app'].", "[tool.setuptools]"],
  ["error: package directory 'vend/lib' does not exist", "git submodule update --init"],
  ["src/x.c:1:10: fatal error: Python.h: No such file or directory", "python3-dev"],
  ["error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory", "C compiler"],
])("knows what to try after: %s", (line, cure) => {
  expect(cureFor(["running build_ext", line, "the end"])).toContain(cure);
});

it("says nothing of what it does not know", () => {
  expect(cureFor(["error: boom"])).toBeUndefined();
  expect(cureFor(["error: command 'gcc' failed with exit code 1"])).toBeUndefined();
});
