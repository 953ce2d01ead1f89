import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { cache, has, makeHome, project, type Home } from "../support/machine.ts";

const NOBODY = 65534;
const homes: Home[] = [];
afterAll(() => homes.forEach((home) => home.remove()));

/** Where and how a build runs; none of it may reach the bytes. */
interface Surroundings {
  readonly name: string;
  readonly directory: string;
  readonly umask: string;
  readonly env: Readonly<Record<string, string>>;
  readonly asNobody?: boolean;
  readonly oneCore?: boolean;
}

const surroundings: readonly Surroundings[] = [
  { name: "as it comes", directory: "shop", umask: "022", env: {} },
  { name: "another directory and umask", directory: "elsewhere/ü and more/shop", umask: "077", env: {} },
  { name: "another time zone, locale and hash seed", directory: "shop", umask: "022", env: { TZ: "Asia/Tokyo", LC_ALL: "tr_TR.UTF-8", LANG: "tr_TR.UTF-8", PYTHONHASHSEED: "7" } },
  ...(has("taskset") ? [{ name: "one core", directory: "shop", umask: "027", env: {}, oneCore: true }] : []),
  ...(process.getuid?.() === 0 ? [{ name: "another user", directory: "shop", umask: "002", env: { USER: "nobody", LOGNAME: "nobody" }, asNobody: true }] : []),
];

/** A shop as a git repository with its lock written down, so that every build has the same inputs. */
function makeOriginal(): string {
  const home = makeHome();
  homes.push(home);
  const shop = join(home.directory, "shop");
  cpSync(join(project, "examples/shop"), shop, { recursive: true });
  const sh = (script: string): void => {
    const { status, stderr } = spawnSync("sh", ["-ec", script], { cwd: shop, env: home.env, encoding: "utf8" });
    expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
  };
  sh("git init -q -b main && git add . && git commit -qm shop && caisson lock && git add . && git commit -qm locked");
  return shop;
}

function digestsOf(directory: string): Readonly<Record<string, string>> {
  const files = readdirSync(directory).filter((name) => name.endsWith(".tar.gz")).toSorted();
  return Object.fromEntries(
    files.flatMap((name) => {
      const bytes = readFileSync(join(directory, name));
      const payload = execFileSync("tar", ["xzOf", join(directory, name), `${name.replace(/\.tar\.gz$/, "")}/data/payload.json`]);
      const trees = (JSON.parse(payload.toString("utf8")) as { readonly trees: readonly { readonly id: string }[] }).trees.map(({ id }) => id);
      return [[name, sha256(bytes)], [`${name}: payload`, sha256(payload)], [`${name}: trees`, trees.join(" ")]];
    }),
  );
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function build(original: string, how: Surroundings): Readonly<Record<string, string>> {
  const home = makeHome();
  homes.push(home);
  const shop = join(home.directory, how.directory);
  mkdirSync(join(shop, ".."), { recursive: true });
  cpSync(original, shop, { recursive: true });
  const env: Record<string, string> = { ...home.env, ...how.env };
  if (how.asNobody === true) {
    // The shared cache belongs to us; the resolver alone is copied, so that it is not fetched again.
    env["XDG_CACHE_HOME"] = join(home.directory, "cache");
    const tools = join(cache, "xdg/caisson/tools");
    if (existsSync(tools)) cpSync(tools, join(home.directory, "cache/caisson/tools"), { recursive: true });
    execFileSync("chown", ["-R", `${NOBODY}:${NOBODY}`, home.directory]);
    chmodSync(home.directory, 0o755);
    chownSync(shop, NOBODY, NOBODY);
  }
  const words = ["sh", "-c", `umask ${how.umask} && exec caisson build`];
  const [program = "", ...rest] = how.oneCore === true ? ["taskset", "-c", "0", ...words] : words;
  const { status, stderr } = spawnSync(program, rest, { cwd: shop, env, encoding: "utf8", ...(how.asNobody === true ? { uid: NOBODY, gid: NOBODY } : {}) });
  expect({ how: how.name, status, stderr: status === 0 ? "" : stderr }).toEqual({ how: how.name, status: 0, stderr: "" });
  return digestsOf(join(shop, "dist"));
}

it("makes the same bundle, payload and trees in another directory, as another user, with other umask, time zone, locale and number of cores", { timeout: 300_000 }, () => {
  const original = makeOriginal();
  const [first, ...others] = surroundings.map((how) => ({ name: how.name, digests: build(original, how) }));
  expect(Object.keys(first?.digests ?? {})).toHaveLength(9);
  for (const other of others) expect(other).toEqual({ name: other.name, digests: first?.digests });
});
