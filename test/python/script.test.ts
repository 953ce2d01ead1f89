import { describe, expect, it } from "vitest";
import { CaissonError } from "../../src/model/index.ts";
import { readScriptHeader } from "../../src/python/index.ts";

const header = (...lines: readonly string[]): string => ["#!/usr/bin/env python3", '"""A report."""', "", "# /// script", ...lines, "# ///", "import sys", ""].join("\n");

/** `file:line message; hint` */
function problemOf(text: string): string {
  try {
    readScriptHeader("tools/report.py", text);
  } catch (error) {
    if (!(error instanceof CaissonError) || error.code !== "config-invalid") throw error;
    const [{ file, line, message, hint }] = error.problems;
    return `${file ?? ""}:${line ?? ""} ${message}${hint === undefined ? "" : `; ${hint}`}`;
  }
  return "";
}

describe("readScriptHeader", () => {
  it("reads what a script needs, and knows in which line it says so", () => {
    const { dependencies, requiresPython, lineOf } = readScriptHeader("r.py", header('# requires-python = ">=3.9"', "#", "# dependencies = [", '#   "requests<3",', '#   "rich; sys_platform == \'linux\'",', "# ]", "# [tool.uv]", '# exclude-newer = "2030-01-01T00:00:00Z"'));
    expect([dependencies, requiresPython]).toEqual([["requests<3", "rich; sys_platform == 'linux'"], ">=3.9"]);
    expect([lineOf("requires-python"), lineOf("requests<3"), lineOf("nowhere")]).toEqual([5, 8, 4]);
  });

  it("takes a script without a header for one that needs nothing, and other tools' blocks for nobody's", () => {
    for (const text of ["", "print('# /// script')\n", "  # /// script\n  # dependencies = [\n", "# /// pyproject\n# dependencies = 3\n# ///\n", "#/// script\n# dependencies = [\n# ///\n"]) expect(readScriptHeader("r.py", text)).toMatchObject({ dependencies: [] });
  });

  it("reads lines that end with CR LF, and a comment that goes on behind the header", () => {
    expect(readScriptHeader("r.py", header('# dependencies = ["rich"]').replaceAll("\n", "\r\n")).dependencies).toEqual(["rich"]);
    expect(readScriptHeader("r.py", '# /// script\n# dependencies = ["rich"]\n# ///\n#\n# Some words.\n').dependencies).toEqual(["rich"]);
    expect(readScriptHeader("r.py", '# /// script\n# dependencies = ["rich"]\n# ///').dependencies).toEqual(["rich"]);
  });

  it("refuses a bad header in one sentence, with file and line", () => {
    expect(problemOf(header("# dependencies = ["))).toMatch(/^tools\/report\.py:[56] the header of `tools\/report\.py` is not TOML: /);
    expect(problemOf(header("# a = 1", "# b b", "# c = 3"))).toMatch(/^tools\/report\.py:6 the header of `tools\/report\.py` is not TOML: /);
    expect(problemOf(`${header("# dependencies = []")}\n# /// script\n# dependencies = []\n# ///\n`)).toBe("tools/report.py:9 `tools/report.py` has two headers: the other begins in line 4; keep one of them");
    expect(problemOf("# /// script\n# dependencies = []\n\n# ///\n")).toBe("tools/report.py:1 the header of `tools/report.py` does not end; end it with a line `# ///`; each line between begins with `#`");
    expect(problemOf(header("# requires-python = 3.9"))).toBe('tools/report.py:5 `requires-python` of `tools/report.py` is no version specifier; requires-python = ">=3.9"');
    expect(problemOf(header("#", '# dependencies = "rich"'))).toBe('tools/report.py:6 `dependencies` of `tools/report.py` is no list of requirements; dependencies = ["requests>=2"]');
    expect(problemOf(header("# dependencies = [3]"))).toContain("no list of requirements");
  });
});
