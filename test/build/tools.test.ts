import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { findUv, uvVersion } from "../../src/build/uv/tools.ts";
import { makeGround, type Ground } from "./ground.ts";
import { serveIndex } from "./index-server.ts";
import { realUv } from "./real-uv.ts";
import { makeWheel } from "./wheelhouse.ts";

const uv = await realUv();

let ground: Ground;
beforeEach(() => {
  ground = makeGround();
});
afterEach(() => ground.remove());

/** A program `uv` in a directory of its own, that says it is that version and writes down that it was asked. */
function fakeUv(directory: string, version: string): string {
  const path = join(ground.directory, directory, "uv");
  ground.write({ [`${directory}/uv`]: `#!/bin/sh\necho asked >> '${ground.directory}/asked'\necho 'uv ${version} (test)'\n` });
  chmodSync(path, 0o755);
  return dirname(path);
}

it("takes the first uv on PATH that is new enough", async () => {
  const old = fakeUv("old", "0.12.9");
  const good = fakeUv("good", "0.14.0");
  const context = ground.with({ PATH: `${old}:${good}:/usr/bin:/bin` });
  expect(await findUv(context, { findLinks: [] }, { offline: true })).toEqual({ path: join(good, "uv"), version: "0.14.0" });
  expect(await uvVersion(context)).toBe("0.14.0");
});

it.skipIf(uv === undefined)("asks a real uv for its version once, and anew when it is another (needs uv)", async () => {
  mkdirSync(join(ground.directory, "bin"));
  const path = join(ground.directory, "bin/uv");
  symlinkSync(uv?.path ?? "", path);
  const context = ground.with({ PATH: `${dirname(path)}:/usr/bin:/bin` });
  const version = await uvVersion(context);
  expect(execFileSync(path, ["--version"], { encoding: "utf8" })).toMatch(new RegExp(`^uv ${version.replaceAll(".", String.raw`\.`)} `));
  let runs = 0;
  const counting = { ...context, run: (...words: Parameters<typeof context.run>) => ((runs += 1), context.run(...words)) };
  await uvVersion(counting);
  expect(runs).toBe(0);
  execFileSync("rm", [path]);
  copyFileSync(uv?.path ?? "", path);
  await uvVersion(counting);
  expect(runs).toBe(1);
});

it("knows the version that it would bring, without bringing it", async () => {
  expect(await uvVersion(ground.with({ PATH: "/usr/bin:/bin" }))).toBe("0.13.8");
  expect(ground.events).toEqual([]);
});

it("says offline that there is none, and what to do", async () => {
  await expect(findUv(ground.with({ PATH: "/usr/bin:/bin" }), { findLinks: [] }, { offline: true })).rejects.toMatchObject({ code: "tool-missing", hint: "run it once with the network, or put uv 0.13 or newer on PATH" });
  expect(readdirSync(join(ground.context.env["XDG_CACHE_HOME"] ?? "", "caisson/tools"))).toEqual([]);
});

it("says so where the index cannot be reached, or does not have it", async () => {
  const context = ground.with({ PATH: "/usr/bin:/bin" });
  await expect(findUv(context, { url: "http://127.0.0.1:1/simple", findLinks: [] })).rejects.toMatchObject({ code: "tool-missing", message: expect.stringContaining("the index cannot be reached") as string, problems: [{}], cause: { message: "cannot reach `127.0.0.1:1`" } });
  await using server = await serveIndex([makeWheel("other", "1.0")]);
  await expect(findUv(context, { url: server.url, findLinks: [] })).rejects.toMatchObject({ code: "tool-missing" });
});

it.each([true, false])("refuses a uv that is not the one we know, and keeps nothing of it (index in JSON: %s)", async (json) => {
  const names = ["uv-0.13.8-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "uv-0.13.8-py3-none-musllinux_1_1_x86_64.whl", "uv-0.13.8-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl"];
  await using server = await serveIndex(names.map((fileName) => ({ ...makeWheel("uv", "0.13.8"), fileName })), { json });
  await expect(findUv(ground.with({ PATH: "/usr/bin:/bin" }), { url: server.url, findLinks: [] })).rejects.toMatchObject({ code: "digest-mismatch" });
  expect(readdirSync(join(ground.context.env["XDG_CACHE_HOME"] ?? "", "caisson/tools"))).toEqual([]);
});

it.skipIf(uv === undefined)("brings the pinned uv from the index, also for two at once, and finds it again offline (needs the network once)", async () => {
  const context = ground.with({ ...networkSettings(), PATH: "/usr/bin:/bin" });
  const [one, two] = await Promise.all([findUv(context, { findLinks: [] }), findUv(context, { findLinks: [] })]);
  expect(one).toEqual(two);
  expect(execFileSync(one.path, ["--version"], { encoding: "utf8" })).toMatch(/^uv 0\.13\.8 /);
  expect(readdirSync(join(dirname(one.path), ".."))).toEqual(["uv-0.13.8"]);
  expect(await findUv(context, { findLinks: [] }, { offline: true })).toEqual(one);
  expect(ground.events.some((event) => event.type === "progress" && event.what === "fetch uv 0.13.8" && event.done > 10_000_000)).toBe(true);
});

it("passes a directory of files over whose uv is false", async () => {
  ground.write({ "wheels/uv-0.13.8-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": "false" });
  writeFileSync(join(ground.directory, "wheels/notes"), "");
  await expect(findUv(ground.with({ PATH: "/usr/bin:/bin" }), { findLinks: [join(ground.directory, "wheels")] }, { offline: true })).rejects.toMatchObject({ code: "tool-missing" });
  expect(existsSync(join(ground.context.env["XDG_CACHE_HOME"] ?? "", "caisson/tools/uv-0.13.8"))).toBe(false);
});

/** How this machine reaches the index, if it has ways of its own. */
function networkSettings(): Readonly<Record<string, string | undefined>> {
  const names = ["SSL_CERT_FILE", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy", "UV_DEFAULT_INDEX", "PIP_INDEX_URL", "PIP_CONFIG_FILE"];
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}
