import { realpath } from "node:fs/promises";
import { join, posix, relative } from "node:path";
import { CaissonError, fail, type EpochSeconds, type Package, type Revision } from "../../model/index.ts";
import type { Context } from "../../system/index.ts";
import { lazily } from "../queue.ts";
import { aroundOf, directoriesAbove, FILES_ABOVE, linksOf, reachesOut } from "./around.ts";
import { checkOut, roomFor, sharedCheckout, type Repository } from "./checkout.ts";
import { commitBelow, readDisk } from "./disk.ts";
import { describeCommit, isIgnored, runGit, readObjects, withoutCredentials, type GitObject } from "./git.ts";
import { locateAll, type Place } from "./place.ts";
import { isRoot, isRubbish } from "./snapshot.ts";
import { METADATA_FILES, type RevisionRequest, type Source } from "./source.ts";

/**
 * A package's source at a revision: of the repository that its directory lies in, or of the one that a URL names. A directory without git is taken as it is.
 * @throws CaissonError `revision-unknown` · `package-unknown` where there is no such directory · `tool-missing` without git · `host-unreachable` where a URL cannot be fetched
 */
export async function readRevision(ctx: Context, workspaceDirectory: string, source: Package["source"], request: RevisionRequest): Promise<Source> {
  const [only] = await readRevisions(ctx, workspaceDirectory, [source], request);
  return only as Source;
}

/** As `readRevision`, for many packages: those of one repository cost its processes and its checkout once. In the order of `sources`. */
export async function readRevisions(ctx: Context, workspaceDirectory: string, sources: readonly Package["source"][], request: RevisionRequest): Promise<readonly Source[]> {
  const places = await locateAll(ctx, workspaceDirectory, sources, request);
  const groups = new Map<string, Place[]>();
  for (const place of places) {
    const key = JSON.stringify([place.repository?.top, place.repository === undefined ? place.directory : "", place.rev]);
    groups.set(key, [...(groups.get(key) ?? []), place]);
  }
  const read = await Promise.all([...groups.values()].map((group) => readGroup(ctx, workspaceDirectory, group, request)));
  const found = new Map(read.flat());
  return places.map((place) => found.get(place) as Source);
}

type Read = readonly (readonly [Place, Source])[];

async function readGroup(ctx: Context, workspaceDirectory: string, group: readonly Place[], request: RevisionRequest): Promise<Read> {
  const [{ repository, rev }] = group as [Place];
  if (repository !== undefined && !("onDisk" in request && repository.url === undefined)) return await readCommit(ctx, workspaceDirectory, repository, rev, group);
  const commit = repository === undefined ? undefined : lazily(() => commitBelow(ctx, repository.top));
  return await Promise.all(group.map(async (place) => [place, await readDisk(ctx, workspaceDirectory, place, commit)] as const));
}

async function readCommit(ctx: Context, workspaceDirectory: string, repository: Repository, rev: string | undefined, group: readonly Place[]): Promise<Read> {
  const [found, changed] = await Promise.all([findCommit(ctx, repository, rev ?? "HEAD", group), rev === undefined ? listChanges(ctx, workspaceDirectory, repository, group) : []]);
  const shared = sharedCheckout(group.length, (directory) => checkOut(ctx, repository, found.commit.id, directory));
  const revision: Revision = {
    id: found.commit.id,
    time: commitTime(found.commit),
    dirty: false,
    ...(rev === undefined ? {} : { ref: rev }),
    ...(repository.url === undefined ? {} : { url: withoutCredentials(repository.url) }),
  };
  const plain = await Promise.all(group.map((place, index) => (rev === undefined && found.trees[index] === undefined ? readIgnored(ctx, workspaceDirectory, place) : Promise.resolve(undefined))));
  const describe = lazily(() => describeCommit(ctx, repository.top, revision.id));
  return group.map((place, index): readonly [Place, Source] => {
    const ignored = plain[index];
    if (ignored !== undefined) return [place, { ...ignored, [Symbol.asyncDispose]: async () => void (await Promise.all([ignored[Symbol.asyncDispose](), shared.release()])) }];
    const files = found.files[index] ?? new Map<string, string>();
    return [
      place,
      {
        revision,
        treeKey: found.trees[index]?.id ?? unknownDirectory(repository, rev, place),
        around: async () => aroundOf(found.above[index] ?? new Map(), (await reachesOutAt(ctx, repository, found, place, files)) ? wholeTree(found.commit) : undefined),
        uncommitted: changed.some((path) => place.path === "" || path.startsWith(`${place.path}/`)),
        describe,
        commit: async () => ({ commit: revision.id, describe: (await describe()) ?? "" }),
        readText: async (name) => {
          if (METADATA_FILES.includes(name) || (!name.includes("/") && !namesIn(found.trees[index]).has(name))) return files.get(name);
          const [object] = await readObjects(ctx, repository.top, [`${found.commit.id}:${posix.join(place.path, name)}`], { followed: true });
          return object?.type === "blob" ? object.content.toString("utf8") : undefined;
        },
        checkout: async () => join(await shared.path(), place.path),
        checkoutInto: async (directory) => {
          const room = await roomFor(directory);
          await checkOut(ctx, repository, found.commit.id, room);
          return join(room, place.path);
        },
        [Symbol.asyncDispose]: shared.release,
      },
    ];
  });
}

async function reachesOutAt(ctx: Context, repository: Repository, { commit }: Found, { path }: Place, files: ReadonlyMap<string, string>): Promise<boolean> {
  if (path === "") return false;
  return reachesOut(path, await linksOf(ctx, repository, commit.id), { pyproject: files.get("pyproject.toml"), setupPy: files.get("setup.py"), setupCfg: files.get("setup.cfg") });
}

/** A directory that git was told to ignore is no part of the repository around it. */
async function readIgnored(ctx: Context, workspaceDirectory: string, place: Place): Promise<Source | undefined> {
  const { repository, ...plain } = place;
  return repository !== undefined && (await isIgnored(ctx, repository.top, place.path)) ? await readDisk(ctx, workspaceDirectory, plain) : undefined;
}

interface Found {
  readonly commit: GitObject;
  /** The directory of each place, in their order. */
  readonly trees: readonly (GitObject | undefined)[];
  readonly files: readonly ReadonlyMap<string, string>[];
  /** Of each place, the files above it that matter, by path, with git's ids. */
  readonly above: readonly ReadonlyMap<string, string>[];
}

/** Everything in one process: the commit, each package's directory, and the files that tell what it needs. */
async function findCommit(ctx: Context, repository: Repository, rev: string, group: readonly Place[]): Promise<Found> {
  const spellings = spellingsOf(repository, rev);
  const above = [...new Set(group.flatMap(({ path }) => directoriesAbove(path)))].flatMap((directory) => FILES_ABOVE.map((file) => posix.join(directory, file)));
  const names = (spelling: string): readonly string[] => [`${spelling}^{commit}`, ...above.map((path) => `${spelling}:${path}`), ...group.flatMap(({ path }) => ["", ...METADATA_FILES].map((file) => `${spelling}:${posix.join(path, file).replace(/^\.$/, "")}`))];
  const objects = await readObjects(ctx, repository.top, spellings.flatMap(names), { followed: true });
  const first = 1 + above.length;
  const length = first + group.length * (1 + METADATA_FILES.length);
  const start = spellings.findIndex((_, index) => objects[index * length] !== undefined) * length;
  const commit = start < 0 ? undefined : objects[start];
  if (commit === undefined) return await unknownRevision(ctx, repository, rev);
  const each = group.map((_, index) => objects.slice(start + first + index * (1 + METADATA_FILES.length), start + first + (index + 1) * (1 + METADATA_FILES.length)));
  return {
    commit,
    trees: each.map(([tree]) => (tree?.type === "tree" ? tree : undefined)),
    files: each.map(([, ...files]) => new Map(files.flatMap((file, index) => (file?.type === "blob" ? [[METADATA_FILES[index] ?? "", file.content.toString("utf8")] as const] : [])))),
    above: group.map(({ path }) => new Map(above.flatMap((file, index) => {
      const object = objects[start + 1 + index];
      return object !== undefined && directoriesAbove(path).includes(posix.dirname(file).replace(/^\.$/, "")) ? [[file, object.id] as const] : [];
    }))),
  };
}

/** What git may know a revision as. A branch that nobody checked out yet is its server's. */
function spellingsOf({ url }: Repository, rev: string): readonly string[] {
  // A colon would make it the name of something in a commit.
  if (rev.includes(":")) return [];
  if (rev === "HEAD") return [url === undefined ? rev : "refs/remotes/origin/HEAD"];
  return url === undefined ? [rev, `refs/remotes/origin/${rev}`] : [rev];
}

/** The names in a directory, as its tree object has them: a mode, a blank, the name, a zero byte, and the id in binary. */
function namesIn(tree: GitObject | undefined): ReadonlySet<string> {
  const names = new Set<string>();
  if (tree === undefined) return names;
  for (let at = 0; at < tree.content.length; ) {
    const end = tree.content.indexOf(0, at);
    names.add(tree.content.toString("utf8", tree.content.indexOf(" ", at) + 1, end));
    at = end + 1 + tree.id.length / 2;
  }
  return names;
}

/** The tree of a whole commit. */
function wholeTree({ content }: GitObject): string {
  return /^tree ([0-9a-f]+)$/m.exec(content.toString("latin1"))?.[1] ?? "";
}

function commitTime({ content }: GitObject): EpochSeconds {
  return Number(/^committer .*> (-?[0-9]+) [-+0-9]+$/m.exec(content.toString("latin1"))?.[1] ?? "0");
}

async function unknownRevision(ctx: Context, repository: Repository, rev: string): Promise<never> {
  const where = withoutCredentials(repository.url ?? repository.top);
  const newest = async (prefix: string): Promise<readonly string[]> => {
    const { status, stdout, stderr } = await runGit(ctx, repository.top, ["for-each-ref", "--sort=-creatordate", "--count=5", "--format=%(refname:lstrip=2)", prefix]);
    if (status !== 0) throw new CaissonError([{ code: "revision-unknown", message: `the repository \`${where}\` is damaged`, hint: `git -C ${repository.top} fsck` }], new Error(withoutCredentials(stderr.trim())));
    return stdout.toString("utf8").split("\n").filter((name) => name !== "");
  };
  const [tags, branches] = await Promise.all([newest("refs/tags"), newest("refs/heads")]);
  if (tags.length + branches.length === 0) fail({ code: "revision-unknown", message: `the repository \`${where}\` has no commit yet`, hint: "commit something first, or build what is on disk: --on-disk" });
  const isShallow = (await runGit(ctx, repository.top, ["rev-parse", "--is-shallow-repository"])).stdout.toString("utf8").trim() === "true";
  const lists = [isShallow ? ["the clone is shallow: git fetch --unshallow --tags"] : [], tags.length === 0 ? [] : [`newest tags: ${tags.join(", ")}`], branches.length === 0 ? [] : [`branches: ${branches.join(", ")}`]].flat();
  return fail({ code: "revision-unknown", message: `there is no revision \`${rev}\` in \`${where}\``, ...(lists.length === 0 ? {} : { hint: lists.join("; ") }) });
}

function unknownDirectory(repository: Repository, rev: string | undefined, { path }: Place): never {
  const where = `\`${withoutCredentials(repository.url ?? repository.top)}\``;
  return fail({ code: "revision-unknown", message: `there is no directory \`${path}\` at ${rev === undefined ? "the last commit" : `\`${rev}\``} of ${where}`, hint: rev === undefined ? `git add ${path} && git commit` : `git -C ${repository.top} ls-tree --name-only ${rev}` });
}

/** Paths below the packages' directories that differ from HEAD or are not in git, rubbish aside; and caisson.toml, which is taken as it lies on disk. */
async function listChanges(ctx: Context, workspaceDirectory: string, repository: Repository, group: readonly Place[]): Promise<readonly string[]> {
  const own = relative(repository.top, join(await realpath(workspaceDirectory), "caisson.toml"));
  const paths = group.map(({ path }) => (path === "" ? "." : path));
  const { stdout } = await runGit(ctx, repository.top, ["--literal-pathspecs", "status", "--porcelain", "-z", "--no-renames", "--", ...paths]);
  return stdout
    .toString("utf8")
    .split("\0")
    .filter((line) => line !== "" && line.slice(3) !== own && !(line.startsWith("??") && (isRubbish(line.slice(3)) || isRoot(join(repository.top, line.slice(3))))))
    .map((line) => line.slice(3));
}
