import { compareBytewise, fail, printCanonicalJson, type Artifact, type Json, type PackageName, type Platform, type Workspace } from "../model/index.ts";
import { compareVersions } from "../python/index.ts";
import { listArtifacts, type Store } from "../store/index.ts";
import type { Context } from "../system/index.ts";
import { recallAction, type Action } from "./action.ts";
import { choosePackages, choosePlatforms } from "./build.ts";
import { runGit } from "./source/git.ts";
import { readInputs } from "./inputs.ts";
import { settle, type Reliance } from "./reliance.ts";
import { openSession } from "./session.ts";
import type { MakerFacts } from "./wheel/maker.ts";

export interface WhyRequest {
  readonly package: PackageName;
  /** The newest in the store where absent. */
  readonly version?: string;
  readonly platform?: Platform;
  readonly rev?: string;
  readonly onDisk?: boolean;
}

/** One input of a build that is not what it was. */
export interface ChangedInput {
  /** `source of shop-util`, `platform python.version`, `dependencies`. */
  readonly input: string;
  readonly before: Json;
  readonly now: Json;
  /** Where the input is a source, and git knows both: the files that differ, from the package's directory. */
  readonly files?: readonly string[];
}

export interface Why {
  /** What was built last. */
  readonly artifact: Artifact;
  /** None: a build now would give the same artifact. Nearest cause first: sources, settings, dependencies, platform, Caisson itself. */
  readonly changes: readonly ChangedInput[];
}

/**
 * Compare what a build of a package would go by now with what its last artifact was built from. Nothing is built.
 * @throws CaissonError `ref-unknown` where there is no artifact of it
 */
export async function explainBuild(ctx: Context, store: Store, workspace: Workspace, request: WhyRequest): Promise<Why> {
  const [pkg] = choosePackages(workspace, [request.package]);
  const [platform] = await choosePlatforms(ctx, workspace, request.platform === undefined ? undefined : [request.platform]);
  if (pkg === undefined || platform === undefined) throw new Error("a package and a platform are always there");
  const artifact = await findLast(store, request, platform.label);
  const { action: before } = await store.readJson<{ readonly action?: Action }>(artifact.provenance.digest);
  if (before?.kind !== "artifact") return fail({ code: "ref-unknown", message: `nothing is known of how \`${artifact.fileName}\` was built`, hint: "it was taken from a bundle; build it here once" });
  await using session = await openSession(ctx, store, workspace, [pkg], { ...request, offline: true });
  const [known = pkg] = choosePackages(session.workspace, [pkg.name]);
  const inputs = await readInputs(session, known, platform);
  const { revision: _, commits, makers: __, locked: ___, exceptions: ____, ...asked } = before;
  // What was built tells what it depended on; where that was swept away, its files alone are compared.
  const reliance = (await recallAction(store, asked)) as unknown as Reliance | undefined;
  const changes = diffActions(before, { ...inputs.action, ...(await settle(session, inputs, reliance ?? { dependsOnCommit: commits !== undefined, makers: [] })) });
  return { artifact, changes: await Promise.all(changes.map((change) => withFiles(ctx, workspace.directory, change))) };
}

async function findLast(store: Store, { package: name, version }: WhyRequest, platform: string): Promise<Artifact> {
  const all = await listArtifacts(store, name);
  const fitting = all.filter((artifact) => artifact.platform === platform && (version === undefined || artifact.version === version));
  const [last] = fitting.toSorted((a, b) => compareVersions(b.version, a.version) || compareBytewise(a.format, b.format));
  const known = [...new Set(all.map((artifact) => `${artifact.version} for ${artifact.platform}`))];
  return last ?? fail({ code: "ref-unknown", message: `there is no artifact of \`${name}\`${version === undefined ? "" : ` ${version}`} for ${platform}`, hint: known.length === 0 ? `caisson build ${name}` : `here: ${known.join(", ")}` });
}

type ArtifactInputs = Omit<Extract<Action, { kind: "artifact" }>, "format">;

/** The inputs in which two actions differ, nearest cause first. */
export function diffActions(before: ArtifactInputs, now: ArtifactInputs): readonly ChangedInput[] {
  const [old, young] = [inputsOf(before), inputsOf(now)];
  const names = [...new Set([...young.keys(), ...old.keys()])];
  return names.filter((input) => printCanonicalJson(old.get(input) ?? null) !== printCanonicalJson(young.get(input) ?? null)).map((input) => ({ input, before: old.get(input) ?? null, now: young.get(input) ?? null }));
}

/** Each input by what a person calls it. */
function inputsOf({ trees, scripts, package: settings, lock, locked, platform, compiler, interpreter, commits, makers, exceptions, revision, rules }: ArtifactInputs): ReadonlyMap<string, Json> {
  const members = trees as readonly { readonly name: string; readonly tree: string; readonly around?: Json }[];
  return new Map<string, Json>([
    ...members.map(({ name, tree }) => [`source of ${name}`, tree] as const),
    ...members.flatMap(({ name, around }) => Object.entries(around ?? {}).map(([file, id]) => [file === "outside" ? `what lies around ${name}` : `${file} above ${name}`, id] as const)),
    ...leaves("setting", settings),
    ...leaves("script", scripts?.of ?? {}),
    ...leaves("machine", scripts?.machine ?? {}),
    ["dependencies", [lock, locked ?? ""]],
    ...leaves("platform", platform),
    ["compiler", compiler ?? "host"],
    ["interpreter", interpreter ?? null],
    ["exceptions", exceptions ?? []],
    ...makerInputs((makers ?? []) as unknown as readonly MakerFacts[]),
    ...((commits ?? []) as unknown as readonly Json[]).flatMap((commit, at) => leaves(`version of ${members[at]?.name ?? ""}`, commit)),
    ...leaves("revision", (revision ?? {}) as Json),
    ["Caisson itself", rules],
  ]);
}

/** Several wheels are made with one interpreter, each by a back end of its own: what they have under one name stands together. */
function makerInputs(makers: readonly MakerFacts[]): ReadonlyMap<string, Json> {
  const found = new Map<string, readonly Json[]>();
  for (const { interpreter, machine, ...facts } of makers) {
    for (const [name, value] of [...leaves(`tools of python${interpreter}`, facts), ...leaves(`compiler of python${interpreter}`, machine ?? {})]) found.set(name, [...(found.get(name) ?? []), value]);
  }
  return found;
}

function leaves(path: string, value: Json): readonly (readonly [string, Json])[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [[path, value]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(path.includes(" ") ? `${path}.${key}` : `${path} ${key}`, inner));
}

async function withFiles(ctx: Context, directory: string, change: ChangedInput): Promise<ChangedInput> {
  const trees = [change.before, change.now].filter((id) => typeof id === "string").filter((id) => /^[0-9a-f]{40}$/.test(id));
  if (!change.input.startsWith("source of ") || trees.length < 2) return change;
  const { status, stdout } = await runGit(ctx, directory, ["diff", "--name-only", "-z", ...trees]);
  return status === 0 ? { ...change, files: stdout.toString("utf8").split("\0").filter((name) => name !== "") } : change;
}
