import { delimiter, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockWorkspace } from "../../src/build/index.ts";
import { readWorkspace } from "../../src/config/index.ts";
import type { Payload } from "../../src/model/index.ts";
import { serveIndex, type IndexServer } from "./index-server.ts";
import { realUv } from "./real-uv.ts";
import { makeWheel, type Built } from "./wheelhouse.ts";
import { makeWorkshop, type TestWorkshop } from "./workshop.ts";

const uv = await realUv();

const wheel = (version: string, glibc: string): Built => makeWheel("native", version, { tag: `cp38-cp38-manylinux_${glibc}_x86_64` });
const newer = [wheel("2.0", "2_28"), makeWheel("native", "2.0", { tag: "cp311-cp311-manylinux_2_28_x86_64" })];

let shop: TestWorkshop;
let server: IndexServer;
beforeEach(async () => {
  server = await serveIndex([wheel("1.0", "2_17"), ...newer]);
  shop = await makeWorkshop({
    "caisson.toml": `[workspace]\nplatforms = ["debian-12", "centos-7"]\n[packages.core]\npath = "core"\n[index]\nurl = "${server.url}"\n`,
    "core/requirements.txt": "native\n",
    "core/VERSION": "2.5\n",
  });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  shop.remove();
});

const env = { PATH: [dirname(uv?.path ?? "/nowhere"), process.env["PATH"]].join(delimiter), PIP_CONFIG_FILE: "/dev/null", UV_NO_CONFIG: "1", UV_FIND_LINKS: "" };
const files = (): string => newer.map(({ fileName, sha256 }) => `{ url = "${server.url.replace("/simple", "/files")}/${fileName}", hash = "sha256:${sha256}" }`).join(", ");

/** A lock that was made on another machine, of each kind that there is. */
const locks: readonly (readonly [name: string, text: () => string])[] = [
  ["core/pylock.toml", () => `lock-version = "1.0"\ncreated-by = "somebody"\n[[packages]]\nname = "native"\nversion = "2.0"\nwheels = [${files().replaceAll(/hash = "sha256:(\w+)"/g, 'hashes = { sha256 = "$1" }')}]\n`],
  ["core/uv.lock", () => `version = 1\nrevision = 3\nrequires-python = ">=3.8"\n[[package]]\nname = "core"\nversion = "2.5"\nsource = { virtual = "." }\ndependencies = [{ name = "native" }]\n[[package]]\nname = "native"\nversion = "2.0"\nsource = { registry = "${server.url}" }\nwheels = [${files()}]\n`],
];

describe.skipIf(uv === undefined)("a lock that does not fit a platform (needs uv)", () => {
  it.each(locks)("is refused with the package, the files that there are, and the command that makes one that fits: %s", async (name, text) => {
    shop.write({ [name]: text() });
    const error: unknown = await shop.build({ onDisk: true, env }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      problems: [{ code: "wheel-unfit", file: name, message: "no file of `native` 2.0 fits centos-7 (glibc 2.17): its wheels need glibc 2.28 or newer", hint: "caisson lock core --platform centos-7" }],
      cause: { message: "the lock has of native 2.0: native-2.0-cp311-cp311-manylinux_2_28_x86_64.whl, native-2.0-cp38-cp38-manylinux_2_28_x86_64.whl" },
    });
    // The command, as it was told.
    const workspace = await readWorkspace(shop.context, shop.directory);
    const context = shop.with({ ...shop.context.env, ...env });
    const [written] = await lockWorkspace(context, shop.store, workspace, { packages: workspace.packages.map((pkg) => pkg.name), platforms: workspace.platforms.filter(({ label }) => label === "centos-7"), offline: false });
    expect(written?.path).toBe(join(shop.directory, "core/pylock.centos-7.toml"));
    const built = await shop.build({ onDisk: true, env });
    const payloads = await Promise.all(built.map(({ artifacts }) => shop.store.readJson<Payload>(artifacts[0]!.artifact.payload.digest)));
    expect(payloads.map(({ platform, distributions }) => `${platform.label}: ${distributions.map((each) => `${each.name} ${each.version}`).join()}`)).toEqual(["debian-12: native 2.0", "centos-7: native 1.0"]);
  });

  it("is refused so too where it is a list of hashes, before uv's own words", async () => {
    shop.write({ "core/requirements.txt": `native==2.0 ${newer.map(({ sha256 }) => `--hash=sha256:${sha256}`).join(" ")}\n` });
    await expect(shop.build({ onDisk: true, env })).rejects.toMatchObject({
      problems: [{ code: "wheel-unfit", file: "core/requirements.txt", message: "no file of `native` 2.0 fits centos-7 (glibc 2.17): its wheels need glibc 2.28 or newer", hint: "uv pip compile --generate-hashes --python-platform x86_64-manylinux_2_17 --python-version 3.8 core/requirements.in --output-file core/requirements.txt" }],
      cause: { message: "its hashes are of native 2.0: native-2.0-cp311-cp311-manylinux_2_28_x86_64.whl, native-2.0-cp38-cp38-manylinux_2_28_x86_64.whl" },
    });
  });

  it("row P8: is made first where nothing is locked, kept, and used again without the index", async () => {
    await shop.build({ onDisk: true, env });
    const asked = server.requests.length;
    // Another application that asks for the same gets the same, whatever is new since.
    server.files.push(makeWheel("native", "3.0"));
    shop.write({ "core/VERSION": "2.6\n" });
    const built = await shop.build({ onDisk: true, env, offline: true });
    expect(built.map(({ version, artifacts }) => [version, artifacts[0]!.state])).toEqual([["2.6", "built"], ["2.6", "built"]]);
    expect(server.requests).toHaveLength(asked);
  });
});
