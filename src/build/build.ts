import { resolve } from "node:path";
import { fail, failAll, nearestWord, type Artifact, type FormatName, type Package, type PackageKind, type PackageName, type Platform, type Workspace } from "../model/index.ts";
import type { Store } from "../store/index.ts";
import type { Context } from "../system/index.ts";
import { gather } from "./gather.ts";
import { machinePlatform } from "./machine.ts";
import { openDrafts, type Drafts } from "./drafts.ts";
import { orderPackages } from "./order.ts";
import { placeArtifact } from "./output.ts";
import { buildPackage, type MadePackage } from "./package.ts";
import { lazily } from "./queue.ts";
import type { Recap } from "./recap.ts";
import { openSession } from "./session.ts";

export interface MakeRequest {
  /** All of the workspace where absent. */
  readonly packages?: readonly PackageName[];
  /** Those of the workspace where absent, and this machine's where it names none. */
  readonly platforms?: readonly Platform[];
  /** A tag, branch or commit; HEAD where absent. */
  readonly rev?: string;
  /** The files as they lie on disk, committed or not. */
  readonly onDisk?: boolean;
  readonly formats: readonly FormatName[];
  readonly offline: boolean;
  /** Told once what the build goes by, before the first artifact is made; never where all are there already. */
  readonly beforeWork?: (recap: Recap) => void;
}

export interface BuildRequest extends MakeRequest {
  /** Where the files go, relative to the caller; `dist` where absent. */
  readonly output?: string;
  /** Where the wheels of all of them are laid out by platform, relative to the caller; nowhere where absent. */
  readonly wheelDirectory?: string;
}

export interface BuildResult {
  readonly package: PackageName;
  readonly version: string;
  readonly platform: Platform;
  /** One for each format that was asked for, in that order. */
  readonly artifacts: readonly BuiltArtifact[];
  /** Files on disk differ from what was built. */
  readonly uncommitted: boolean;
}

export interface BuiltArtifact {
  readonly artifact: Artifact;
  readonly state: "built" | "unchanged";
  /** Absolute. */
  readonly path: string;
}

/**
 * Build packages for platforms, in the order in which they need each other. What was built before from the same is taken from the store.
 * Nothing is put in place unless all succeed; what did succeed stays in the store for the next time.
 * @throws CaissonError with the problems of all packages and platforms
 */
export async function buildPackages(ctx: Context, store: Store, workspace: Workspace, request: BuildRequest): Promise<readonly BuildResult[]> {
  const directory = resolve(ctx.cwd, request.output ?? "dist");
  await using drafts = openDrafts(directory);
  const made = await makePackages(ctx, store, workspace, request, drafts);
  const results: BuildResult[] = [];
  for (const { artifacts, excused: _, ...result } of made) {
    const placed: BuiltArtifact[] = [];
    for (const each of artifacts) placed.push({ ...each, path: (await placeArtifact(ctx, store, each.artifact, directory, drafts)).path });
    results.push({ ...result, artifacts: placed });
  }
  if (request.wheelDirectory !== undefined) {
    const { layWheels } = await import("./wheel/wheel-directory.ts");
    await layWheels(ctx, store, results.flatMap(({ artifacts }) => artifacts.map(({ artifact }) => artifact)), resolve(ctx.cwd, request.wheelDirectory));
  }
  return results;
}

/** As `buildPackages`, into the store alone: for who deploys them from there. Files are put into `drafts` while they are made. */
export async function makePackages(ctx: Context, store: Store, workspace: Workspace, request: MakeRequest, drafts: Drafts = openDrafts(undefined)): Promise<readonly MadePackage[]> {
  const chosen = choosePackages(workspace, request.packages).filter((pkg) => request.packages !== undefined || formatsOf(pkg, request.formats).length > 0);
  const { kind, lacks, nobody } = request.formats.flatMap((format) => ONE_KIND[format] ?? []).at(0) ?? ONE_KIND.turret;
  const hint = `that format is for packages of kind "${kind}"`;
  failAll(chosen.filter((pkg) => formatsOf(pkg, request.formats).length === 0).map(({ written }) => ({ code: "format-unknown", message: `\`${written}\` ${lacks}`, hint })));
  if (chosen.length === 0) fail({ code: "format-unknown", message: `no package of this workspace ${nobody}`, hint });
  const [session, platforms] = await gather([openSession(ctx, store, workspace, chosen, { ...request, drafts }), choosePlatforms(ctx, workspace, request.platforms)]);
  await using _ = session;
  const packages = choosePackages(session.workspace, chosen.map(({ name }) => name));
  const { beforeWork } = request;
  const recap = beforeWork === undefined ? undefined : lazily(async () => beforeWork(await (await import("./recap.ts")).recapOf(session, { ...request, packages, platforms })));
  const made = await gather(packages.flatMap((pkg) => platforms.map((platform) => buildPackage(session, pkg, platform, formatsOf(pkg, request.formats), recap))));
  if (request.packages === undefined && request.platforms === undefined) warnOfExceptions(ctx, workspace, made);
  return made;
}

/** An exception that nothing needs any more covers what nobody has looked at. */
function warnOfExceptions(ctx: Context, { file = "", exceptions = [] }: Workspace, made: readonly MadePackage[]): void {
  const needed = new Set(made.flatMap(({ excused }) => excused));
  for (const { wheel, rule } of exceptions) if (!needed.has(wheel)) ctx.report({ type: "warning", problem: { code: "config-invalid", ...(file === "" ? {} : { file }), message: `the exception from ${rule} for ${wheel} fits no wheel that breaks it`, hint: "take it out of [[exceptions]]" } });
}

/** Formats that only one kind of package has: the archive that oct-turrets starts, and wheels that pip installs. */
const ONE_KIND: Readonly<Partial<Record<FormatName, OneKind>>> & { readonly turret: OneKind } = {
  turret: { kind: "turret", lacks: "is no turret", nobody: "is a turret" },
  wheelhouse: { kind: "python", lacks: "has no wheels", nobody: "has wheels" },
};

interface OneKind {
  readonly kind: PackageKind;
  readonly lacks: string;
  readonly nobody: string;
}

function formatsOf({ kind }: Package, formats: readonly FormatName[]): readonly FormatName[] {
  return formats.filter((format) => (ONE_KIND[format]?.kind ?? kind) === kind);
}

/** The platforms that were asked for, else those of the workspace, else this machine. */
export async function choosePlatforms(ctx: Context, workspace: Workspace, wanted: readonly Platform[] | undefined): Promise<readonly Platform[]> {
  if (wanted !== undefined) return wanted;
  return workspace.platforms.length > 0 ? workspace.platforms : [await machinePlatform(ctx)];
}

/**
 * The packages that were asked for, or all that are written down, in the order in which they need each other.
 * @throws CaissonError `package-unknown` · `config-invalid` for a circle
 */
export function choosePackages(workspace: Workspace, names: readonly PackageName[] | undefined): readonly Package[] {
  const ordered = orderPackages(workspace.packages);
  if ("cycle" in ordered) return fail({ code: "config-invalid", message: `packages need each other in a circle: ${[...ordered.cycle, ...ordered.cycle.slice(0, 1)].map((name) => `\`${name}\``).join(" -> ")}`, hint: "take one of these needs away" });
  const here = ordered.order.map((pkg) => pkg.name);
  failAll((names ?? []).filter((name) => !here.includes(name)).map((name) => {
    const near = nearestWord(name, here);
    return { code: "package-unknown", message: `there is no package \`${name}\` in this workspace`, hint: `${near === undefined ? "" : `did you mean \`${near}\`? `}packages here: ${here.join(", ")}` };
  }));
  return ordered.order.filter(({ name, implied }) => (names === undefined ? implied !== true : names.includes(name)));
}

