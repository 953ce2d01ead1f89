import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { callsRust, findRust, steadyRust } from "../../src/build/wheel/rust.ts";
import { createContext } from "../../src/system/index.ts";
import { makeGround, type Ground } from "./ground.ts";

let ground: Ground;
beforeEach(() => void (ground = makeGround()));
afterEach(() => ground.remove());

const rust = await findRust(createContext({ cwd: "/", env: process.env, report: () => undefined, signal: new AbortController().signal }));

it("belongs to a build whose back end calls it", () => {
  expect(["maturin>=1.2", "setuptools_rust", "setuptools-rust (>=1)", "maturinade", "setuptools"].map((requirement) => callsRust([requirement]))).toEqual([true, true, true, false, false]);
});

it.skipIf(rust === undefined)("writes no place of its build into what it makes, and takes the project's own flags (needs rustc)", async () => {
  const made = [];
  for (const name of ["one", "another place"]) {
    const scratch = join(ground.directory, name);
    mkdirSync(join(scratch, "crate/.cargo"), { recursive: true });
    writeFileSync(join(scratch, "crate/.cargo/config.toml"), '[build]\nrustflags = ["--cfg", "own", "--cap-lints", "allow"]\n');
    writeFileSync(join(scratch, "crate/Cargo.toml"), '[package]\nname = "here"\nversion = "1.0.0"\nedition = "2021"\n[[bin]]\nname = "here"\npath = "here.rs"\n[profile.dev]\ndebug = 2\n');
    writeFileSync(join(scratch, "crate/here.rs"), '#[cfg(not(own))]\ncompile_error!("the flags of the project are lost");\nfn main() {\n    panic!("{}", file!());\n}\n');
    const variables = await steadyRust(ground.context, scratch, true);
    const cargo = join(rust?.directory ?? "", "cargo");
    execFileSync(cargo, ["rustc", "--quiet", "--", "--emit=obj"], { cwd: join(scratch, "crate"), env: { ...variables, HOME: scratch, PATH: `${rust?.directory}:/usr/local/bin:/usr/bin:/bin` }, stdio: ["ignore", "ignore", "inherit"] });
    const [object = ""] = execFileSync("find", [join(scratch, "crate/target/debug/deps"), "-name", "*.o"], { encoding: "utf8" }).split("\n");
    made.push(readFileSync(object));
  }
  expect(made[0]?.includes("here.rs")).toBe(true);
  expect(made[0]?.includes("caisson sources")).toBe(false);
  expect(made[1]?.equals(made[0] ?? Buffer.alloc(0))).toBe(true);
});
