import { compareBytewise, type Additions, type Descriptor, type Distribution, type Interpreter, type InterpreterTree, type Package, type PackageName, type Payload, type Platform, type Problem, type Revision, type Tree, type TreeRef, type Workspace } from "../../model/index.ts";
import { launcherLinks } from "../../formats/index.ts";
import { checkElf, checkRequirements, planFiles, planLinks } from "../../python/index.ts";
import { hintOfNeed } from "../order.ts";
import { excuse } from "./exceptions.ts";
import type { Maker } from "../wheel/maker.ts";

/** A distribution with the blob that its tree's document is. */
export interface InstalledDistribution {
  readonly distribution: Distribution;
  readonly document: Descriptor;
  /** Where it was made here. */
  readonly maker?: Maker;
}

/** What goes into a payload besides its package's own settings. */
export type Content =
  | {
      readonly kind: "python";
      readonly dependencies: readonly InstalledDistribution[];
      /** Packages of the same workspace. */
      readonly siblings: readonly InstalledDistribution[];
      /** Absent where a package is no distribution, but a folder with requirements. */
      readonly own?: InstalledDistribution;
      /** Files that are installed as they are. */
      readonly files?: Extract<Content, { readonly kind: "files" }>;
    }
  | { readonly kind: "files"; readonly tree: Tree; readonly document: Descriptor; readonly blobs: readonly Descriptor[] }
  | {
      readonly kind: "turret";
      /** Its own files, and what starts it. */
      readonly files: Extract<Content, { readonly kind: "files" }>;
      /** The environment it runs in; absent where it is no Python. */
      readonly python?: Extract<Content, { readonly kind: "python" }>;
      /** Words of its own command. */
      readonly command: readonly string[];
    };

/** The programs that start a package's processes, with the blob that their tree's document is. */
export interface Launchers {
  readonly tree: Tree;
  readonly document: Descriptor;
}

/** What goes into a payload that is not the package's own. */
interface Besides {
  readonly launchers?: Launchers | undefined;
  /** The one that goes along, where the host's own is none. */
  readonly interpreter?: InterpreterTree | undefined;
  readonly additions?: Additions | undefined;
  /** What wheels of the workspace may break, and the packages that there are. */
  readonly workspace?: Pick<Workspace, "exceptions" | "packages"> | undefined;
}

/** Put a payload together, or say everything that is wrong with it. */
export function assemblePayload(pkg: Package, version: string, revision: Revision, platform: Platform, content: Content, besides: Besides = {}): { readonly payload: Payload } | { readonly problems: readonly Problem[] } {
  const own = partsOf(pkg, platform, content, besides);
  if ("problems" in own) return own;
  const parts = withLaunchers(pkg, own, besides.launchers);
  if ("problems" in parts) return parts;
  // The word by which a commit was asked for is no part of what was built from it.
  const { ref: _, ...source } = revision;
  const { markers: __, tags: ___, ...where } = parts.interpreter?.from === "tree" && besides.interpreter !== undefined ? { ...platform, python: { ...platform.python, full: besides.interpreter.version } } : platform;
  return {
    payload: {
      schema: "caisson.payload/1",
      package: pkg.name,
      written: pkg.written,
      kind: pkg.kind,
      version,
      platform: where,
      revision: source,
      ...parts,
      processes: pkg.processes,
      start: pkg.start,
      hooks: pkg.hooks,
      ...(pkg.health === undefined ? {} : { health: pkg.health }),
      ...(besides.additions === undefined ? {} : { additions: besides.additions }),
    },
  };
}

type Parts = Pick<Payload, "exceptions" | "trees" | "links" | "interpreter" | "distributions" | "blobs">;

function partsOf(pkg: Package, platform: Platform, content: Content, { interpreter, workspace }: Besides): Parts | { readonly problems: readonly Problem[] } {
  if (content.kind === "files") return filesParts(content);
  const python = content.kind === "python" ? pythonParts(pkg, platform, content, workspace, content.files) : content.python === undefined ? filesParts(content.files) : pythonParts(pkg, platform, content.python, workspace, content.files);
  return "problems" in python || python.interpreter === undefined || interpreter === undefined ? python : withInterpreter(python, interpreter);
}

function filesParts({ tree, document, blobs }: Extract<Content, { kind: "files" }>): Parts {
  return { trees: [{ id: tree.id, document }], links: planFiles(tree), distributions: [], blobs: uniqueByDigest(blobs) };
}

function pythonParts(pkg: Package, platform: Platform, { dependencies, siblings, own }: Extract<Content, { kind: "python" }>, workspace: Besides["workspace"], files?: Extract<Content, { kind: "files" }>): Parts | { readonly problems: readonly Problem[] } {
  // Rarest change first: what others release, what the workspace shares, what is being worked on.
  const installed = [...byName(dependencies), ...byName(siblings), ...(own === undefined ? [] : [own])];
  const distributions = installed.map(({ distribution }) => distribution);
  const planned = planLinks(distributions, platform, pkg.link, files === undefined ? undefined : { fileName: pkg.written, tree: files.tree });
  const bring = (missing: PackageName): string | undefined => workspace?.packages.filter(({ name }) => name === missing).map((member) => hintOfNeed(pkg, member))[0];
  const judged = excuse(workspace?.exceptions, distributions, distributions.flatMap((each) => checkElf(each, platform)));
  const problems = [...judged.problems, ...checkRequirements(distributions, platform, bring), ...planned.problems];
  if (problems.length > 0) return { problems };
  return {
    trees: [...installed.map(({ distribution, document }): TreeRef => ({ id: distribution.tree.id, document })), ...(files === undefined ? [] : [{ id: files.tree.id, document: files.document }])],
    links: planned.links,
    interpreter: hostInterpreter(platform, distributions),
    distributions: distributions.map(({ name, version, tree, fileName, wheel }) => ({ name, version, tree: tree.id, fileName, wheel })),
    ...(judged.needed.length === 0 ? {} : { exceptions: judged.needed }),
    blobs: uniqueByDigest([...distributions.map(({ wheel }) => wheel), ...(files?.blobs ?? [])]),
  };
}

/** It changes more rarely than all else. */
function withInterpreter(parts: Parts, { tree, blob, executable }: InterpreterTree): Parts {
  return { ...parts, trees: [tree, ...parts.trees], interpreter: { from: "tree", tree: tree.id, executable }, blobs: uniqueByDigest([...parts.blobs, blob]) };
}

/** They are the rarest to change, and stand first. */
function withLaunchers(pkg: Package, parts: Parts, launchers: Launchers | undefined): Parts | { readonly problems: readonly Problem[] } {
  if (launchers === undefined) return parts;
  const { tree, document } = launchers;
  const links = launcherLinks(tree);
  const taken = parts.links.find(({ path }) => links.some((link) => link.path === path));
  if (taken !== undefined) return { problems: [{ code: "collision", message: `\`${pkg.written}\` installs \`${taken.path}\`, which is where what starts its processes lies`, hint: "give that directory another name, or the package no processes" }] };
  return { ...parts, trees: [{ id: tree.id, document }, ...parts.trees], links: [...parts.links, ...links].toSorted((a, b) => compareBytewise(a.path, b.path)) };
}

function byName(installed: readonly InstalledDistribution[]): readonly InstalledDistribution[] {
  return installed.toSorted((a, b) => compareBytewise(a.distribution.name, b.distribution.name));
}

/** Extension modules name the ABI they were compiled for; without any, the minor alone decides. */
function hostInterpreter(platform: Platform, distributions: readonly Distribution[]): Interpreter {
  const { version } = platform.python;
  if (!distributions.some(({ elf }) => elf !== undefined)) return { from: "host", version };
  const [, minor = "0"] = version.split(".");
  // Until 3.7 an ABI's name ended with m for pymalloc.
  const abi = `${version.replace(".", "")}${Number(minor) <= 7 ? "m" : ""}`;
  return { from: "host", version, soabi: `cpython-${abi}-${platform.arch}-linux-${platform.libc.family === "musl" ? "musl" : "gnu"}` };
}

function uniqueByDigest(blobs: readonly Descriptor[]): readonly Descriptor[] {
  return [...new Map(blobs.map((blob) => [blob.digest, blob])).values()].toSorted((a, b) => compareBytewise(a.digest, b.digest));
}
