import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { makeHome, project } from "../support/machine.ts";

/** Writes a wheel with one file of so many megabytes, in pieces, and prints its digest. */
const MAKE_WHEEL = `
import base64, hashlib, sys, zipfile
path, megabytes = sys.argv[1], int(sys.argv[2])
info = "demo-1.0.dist-info"
texts = {"demo/__init__.py": b"", info + "/METADATA": b"Metadata-Version: 2.1\\nName: demo\\nVersion: 1.0\\n", info + "/WHEEL": b"Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
sums = {name: (hashlib.sha256(data), len(data)) for name, data in texts.items()}
piece, whole = bytes(1 << 20), hashlib.sha256()
with zipfile.ZipFile(path, "w") as archive:
    for name, data in texts.items():
        archive.writestr(name, data)
    with archive.open("demo/model.bin", "w") as file:
        for _ in range(megabytes):
            whole.update(piece)
            file.write(piece)
    sums["demo/model.bin"] = whole, megabytes << 20
    rows = ["%s,sha256=%s,%d\\n" % (name, base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode(), size) for name, (digest, size) in sums.items()]
    archive.writestr(info + "/RECORD", "".join(rows) + info + "/RECORD,,\\n")
whole = hashlib.sha256()
with open(path, "rb") as file:
    for piece in iter(lambda: file.read(1 << 20), b""):
        whole.update(piece)
print(whole.hexdigest())
`;

it("builds with a file of 320 MB in a wheel in less than 300 MB of memory", () => {
  const home = makeHome();
  try {
    const work = join(home.directory, "work");
    mkdirSync(join(work, "wheels"), { recursive: true });
    const wheel = "demo-1.0-py3-none-any.whl";
    const digest = execFileSync("python3", ["-I", "-c", MAKE_WHEEL, join(work, "wheels", wheel), "320"], { encoding: "utf8" }).trim();
    writeFileSync(join(work, "requirements.txt"), "demo\n");
    writeFileSync(join(work, "pylock.toml"), `lock-version = "1.0"\ncreated-by = "test"\n\n[[packages]]\nname = "demo"\nversion = "1.0"\n\n[[packages.wheels]]\nname = "${wheel}"\npath = "wheels/${wheel}"\nhashes = { sha256 = "${digest}" }\n`);
    const cost = join(home.directory, "cost");
    const built = spawnSync(process.execPath, ["--import", join(project, "bench/own-cost.mjs"), join(project, "dist/cli/main.js"), "build"], { cwd: work, env: { ...home.env, OWN_COST: cost }, encoding: "utf8" });
    expect({ status: built.status, stderr: built.status === 0 ? "" : built.stderr }).toEqual({ status: 0, stderr: "" });
    expect((JSON.parse(readFileSync(cost, "utf8")) as { readonly mb: number }).mb).toBeLessThan(300);
  } finally {
    home.remove();
  }
});
