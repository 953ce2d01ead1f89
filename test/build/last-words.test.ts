import { expect, it } from "vitest";
import { lastWords, lastWordsOfBuild } from "../../src/build/last-words.ts";

const WAY = [
  "Traceback (most recent call last):",
  '  File "<string>", line 14, in <module>',
  '  File "/cache/uv/builds-v0/.tmpa/lib/python3.11/site-packages/setuptools/build_meta.py", line 301, in _get_build_requires',
  "    self.run_setup()",
  '  File "/cache/uv/builds-v0/.tmpa/lib/python3.11/site-packages/setuptools/build_meta.py", line 317, in run_setup',
  "    exec(code, locals())",
  "    ^^^^^^^^^^^^^^^^^^^^",
];
const UV = ["error: Failed to build `/tmp/x/source`", "  cause: The build backend returned an error", "  cause: Call to `setuptools.build_meta.build_wheel` failed (exit status: 1)", "hint: Build failures usually indicate a problem with the package or the build environment"];

it("tells a traceback by the package's own files and what was raised", () => {
  expect(lastWordsOfBuild(["Building wheel...", "running build", ...WAY, '  File "<string>", line 6, in <module>', '  File "<string>", line 5, in f', "RuntimeError: I do not like", "this machine", ...UV])).toEqual(["running build", 'File "setup.py", line 6, in <module>', 'File "setup.py", line 5, in f', "RuntimeError: I do not like", "this machine"]);
});

it("keeps the line with which Python could not begin anything", () => {
  expect(lastWordsOfBuild([...WAY, '  File "<string>", line 2', '    setup(name="app"', "         ^", "SyntaxError: '(' was never closed", ...UV])).toEqual(['File "setup.py", line 2', '    setup(name="app"', "         ^", "SyntaxError: '(' was never closed"]);
});

it("reads what uv quotes of a back end that was asked what its package needs", () => {
  const quoted = ["[stdout]", "checking", "", "[stderr]", ...WAY, '  File "<string>", line 1, in <module>', "RuntimeError: no curl"].map((line) => (line === "" ? "" : `         ${line}`));
  expect(lastWordsOfBuild([...UV.slice(0, 3), "", ...quoted, "", "hint: Build failures usually indicate a problem"])).toEqual(["checking", 'File "setup.py", line 1, in <module>', "RuntimeError: no curl"]);
});

it("leaves it to uv where the back end said nothing, or was not asked", () => {
  expect(lastWordsOfBuild(["Building wheel...", ...UV])).toEqual(["The build backend returned an error", "Call to `setuptools.build_meta.build_wheel` failed (exit status: 1)"]);
  expect(lastWordsOfBuild(["Building wheel...", "error: Failed to build `/tmp/x/source`", "  cause: `backend-path` entry `nix` does not exist or is not a directory"])).toEqual(["`backend-path` entry `nix` does not exist or is not a directory"]);
});

it("begins with a compiler's first error, however much came after it", () => {
  const after = Array.from({ length: 40 }, (_, at) => `x.c:${at + 3}:1: warning: unused`);
  const words = lastWords(["gcc -c x.c", "x.c:1:18: error: 'y' undeclared", ...after, "error: command 'gcc' failed"]);
  expect(words).toHaveLength(16);
  expect([words[0], words[6], words.at(-1)]).toEqual(["x.c:1:18: error: 'y' undeclared", "...", "error: command 'gcc' failed"]);
  expect(lastWords([`gcc ${"-I/somewhere ".repeat(60)}-o x.o`])[0]).toMatch(/^gcc .{100,200} \.\.\. .+ -o x\.o$/);
});
