import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import type { CaissonError } from "../../src/model/index.ts";
import { verify } from "../../src/store/index.ts";
import { serveIndex, type IndexServer } from "./index-server.ts";
import { makeWheel } from "./wheelhouse.ts";
import { makeWorkshop, type TestWorkshop } from "./workshop.ts";

const open: TestWorkshop[] = [];
afterEach(() => open.splice(0).forEach((workshop) => workshop.remove()));

const wheel = makeWheel("demo", "1.0");

/** A folder with a lock that names a file of the index, whose size may be given wrongly. */
async function workshopWith(server: IndexServer, size = wheel.bytes.length): Promise<TestWorkshop> {
  const workshop = await makeWorkshop({
    "caisson.toml": '[packages.app]\npath = "."\n',
    "requirements.txt": "demo\n",
    VERSION: "1.0\n",
    "pylock.toml": `lock-version = "1.0"\ncreated-by = "test"\n\n[[packages]]\nname = "demo"\nversion = "1.0"\n\n[[packages.wheels]]\nname = "${wheel.fileName}"\nurl = "${server.url.replace(/simple$/, "files")}/${wheel.fileName}"\nsize = ${size}\nhashes = { sha256 = "${wheel.sha256}" }\n`,
  });
  open.push(workshop);
  workshop.commit("first");
  return workshop;
}

it.each([
  ["other bytes under the same name", ["lie", "lie"], "digest-mismatch"],
  ["half of a file, twice", ["short", "short"], "index-unreachable"],
  ["a connection that breaks, twice", ["cut", "cut"], "index-unreachable"],
  ["errors", ["error", "error"], "index-unreachable"],
] as const)("a build that gets %s makes nothing, says why, and goes on when the index is well again", async (_, mischief, code) => {
  await using server = await serveIndex([wheel]);
  const workshop = await workshopWith(server);
  server.mischief.set(wheel.fileName, [...mischief]);
  const error = await workshop.build().catch((failure: unknown) => failure as CaissonError);
  expect(error).toMatchObject({ code, message: expect.stringContaining(code === "digest-mismatch" ? wheel.fileName : "") as string });
  expect(existsSync(join(workshop.directory, "dist"))).toBe(false);
  expect((await verify(workshop.context, workshop.store, { repair: false })).problems).toEqual([]);
  server.mischief.clear();
  const [result] = await workshop.build();
  const again = await workshopWith(server);
  expect((await again.build())[0]!.artifacts[0]!.artifact.content.digest).toBe(result!.artifacts[0]!.artifact.content.digest);
});

it.each([[-1], [1]])("a lock and an index that do not agree about a size (%d) make nothing", async (difference) => {
  await using server = await serveIndex([wheel]);
  const workshop = await workshopWith(server, wheel.bytes.length + difference);
  await expect(workshop.build()).rejects.toMatchObject({ code: difference < 0 ? "digest-mismatch" : "index-unreachable" });
  expect(existsSync(join(workshop.directory, "dist"))).toBe(false);
});
