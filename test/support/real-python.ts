import { execFileSync } from "node:child_process";
import { delimiter, dirname } from "node:path";

/** Before any test: the `python3` on PATH is a program, and not a version manager's script that looks for it each time, which takes ten times as long. */
export default function setup(): void {
  const program = execFileSync("python3", ["-I", "-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim();
  process.env["PATH"] = `${dirname(program)}${delimiter}${process.env["PATH"] ?? ""}`;
}
