import { execFileSync } from "node:child_process";
import { findPythons } from "../support/machine.ts";

const HEAD = `import io, json, os, sys, tarfile
def add(name, content=b"", kind=tarfile.REGTYPE, link="", mode=0o644):
    i = tarfile.TarInfo(name); i.type = kind; i.linkname = link; i.mode = mode; i.size = len(content); t.addfile(i, io.BytesIO(content))
def config(**more):
    c = dict(name="navigation", cannons=1, rampup=0, script="test_scripts/v_user.py", hq_address="127.0.0.1", hq_publisher=5000, hq_rc=5001); c.update(more)
    add("config.json", json.dumps({k: v for k, v in c.items() if v is not None}).encode())
def script(text="class Transaction(object): pass\\n"):
    add("test_scripts/v_user.py", text.encode())
`;

/** The interpreter proper: a version manager's script takes longer than the work. */
const python = findPythons().at(-1)?.path ?? "python3";

/** A turret's archive as Python's tarfile writes it, which the original uses: `body` calls add(), config() and script(). */
export function makeArchive(path: string, body: string, mode: "w" | "w:gz" = "w", format: "GNU" | "PAX" | "USTAR" = "GNU"): void {
  execFileSync(python, ["-I", "-c", `${HEAD}t = tarfile.open(sys.argv[1], "${mode}", format=tarfile.${format}_FORMAT)\n${body}\nt.close()\n`, path]);
}
