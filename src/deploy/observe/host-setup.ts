import { printSetup, unitsOf } from "../../formats/index.ts";
import { fail, type HostAddress, type Package, type PackageName, type Payload, type Target, type Units, type Workspace } from "../../model/index.ts";
import type { Store } from "../../store/index.ts";
import type { Context } from "../../system/index.ts";
import { decideStart } from "../plan/choose-processes.ts";
import { packagesFor } from "../plan/plan.ts";
import { startedProcesses } from "../plan/service-steps.ts";
import { valuesOf } from "../values.ts";
import type { Wanted } from "../wanted.ts";

/** Which hosts are prepared, and for whom. */
export interface HostSetupRequest {
  readonly target: Target;
  /** Only that one of the target's hosts. */
  readonly host?: string;
  /** The user who deploys, where the host's address does not say. */
  readonly deployer?: string;
}

/**
 * What root has to run once on a target's hosts so that a user who is not root can deploy there a stack, or those of a workspace. No host is asked, nothing is changed.
 * @throws CaissonError `usage` · `name-invalid`
 */
export async function printHostSetup(ctx: Context, store: Store, what: Wanted | Pick<Workspace, "name" | "packages">, request: HostSetupRequest): Promise<string> {
  const { target, host, deployer } = request;
  const { service } = target;
  if (service.kind !== "systemd" || service.scope !== "system") return fail({ code: "usage", message: `\`${target.name}\` needs no units of root's`, hint: "this is for targets with service = \"systemd\"" });
  const values = await valuesOf(ctx, target);
  const { name: stack, packages } = "stack" in what ? await readStackPackages(store, what) : what;
  const scripts = new Set(target.hosts.filter(({ name }) => host === undefined || name === host).map((each) => {
    return printSetup({ deployer: deployer ?? userOf(each), stack, root: each.root, units: unitsOn(target, each, stack, packages, values) });
  }));
  const [script, ...others] = scripts;
  if (script !== undefined && others.length === 0) return script;
  const known = target.hosts.map(({ name }) => name).join(", ");
  return fail({ code: "usage", message: script === undefined ? `\`${target.name}\` has no host \`${host ?? ""}\`` : `the hosts of \`${target.name}\` are not prepared alike`, hint: `--host NAME, one of ${known}` });
}

/** What systemd knows of packages on one host of a target that it starts processes on; `values` are of the processes' environment. */
export function unitsOn(target: Target, host: HostAddress, stack: PackageName, packages: readonly (Payload | Package)[], values: ReadonlyMap<string, string>): Units {
  const mine = packagesFor(target, host, packages.map(nameOf));
  const processes = packages.filter((pkg) => mine.includes(nameOf(pkg))).map((pkg) => ({ package: nameOf(pkg), processes: startedProcesses(decideStart(pkg, values)) }));
  const scope = target.service.kind === "systemd" ? target.service.scope : "system";
  return unitsOf({ stack, root: host.root, scope, packages: processes, ...(target.user === undefined ? {} : { user: target.user }) });
}

/** A stack's packages; their processes are the same on every platform. */
async function readStackPackages(store: Store, { stack }: Wanted): Promise<{ readonly name: PackageName; readonly packages: readonly Payload[] }> {
  const payloads = stack.members.flatMap(({ artifacts: [artifact] }) => (artifact === undefined ? [] : [store.readJson<Payload>(artifact.payload.digest)]));
  return { name: stack.name, packages: await Promise.all(payloads) };
}

function nameOf(pkg: Payload | Package): PackageName {
  return "package" in pkg ? pkg.package : pkg.name;
}

function userOf({ name, address }: HostAddress): string {
  return /^(?:ssh:\/\/)?([^@/]+)@/.exec(address)?.[1] ?? fail({ code: "usage", message: `the address of ${name} does not say who deploys there`, hint: "--deployer USER" });
}
