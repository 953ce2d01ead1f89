import { statSync } from "node:fs";
import { relative, resolve } from "node:path";
import type { BuildResult, BuiltArtifact, StackRef, Store, Workspace } from "../../index.ts";
import { askedFor, choiceOptions } from "../choice-words.ts";
import { noRecapOption, openRecap } from "../recap.ts";
import { jsonOption, type Cli, type Command, type Input } from "../command.ts";
import { choosePlatforms, platformOption } from "../platforms.ts";

export const build: Command = {
  name: "build",
  summary: "build packages at a revision into artifacts",
  arguments: [{ name: "PACKAGE", summary: "packages of this workspace; all where none is named", many: true }],
  options: [
    platformOption,
    { flag: "--format <format>", summary: "tar.gz, tar.bz2, tar, zip, dir; wheelhouse for pip; turret for the archives of turrets", many: true },
    { flag: "--rev <revision>", summary: "a tag, branch or commit; HEAD where absent" },
    { flag: "--on-disk", summary: "build the files as they lie on disk, committed or not" },
    { flag: "--output <dir>", summary: "where the files go; dist where absent" },
    ...choiceOptions,
    { flag: "--offline", summary: "use the store and local files only" },
    { flag: "--find-links <dir>", summary: "a directory of wheels and sdists beside the index", many: true },
    { flag: "--wheel-dir <dir>", summary: "lay out the wheels too, in a directory for each platform; WHEEL_DIR in the environment says it too" },
    { flag: "--to-stack <stack>", summary: "add what was built to a stack" },
    { flag: "--create", summary: "make that stack where there is none" },
    noRecapOption,
    jsonOption,
  ],
  examples: [
    ["caisson build", "all packages at HEAD, into dist/"],
    ["caisson build shop-web --rev 2.0 --format zip", "one package as it was at the tag 2.0, as a zip"],
    ["caisson build shop-web --extra pg --group prod", "with an extra and a dependency group; `extras` and `groups` in caisson.toml say it for every build"],
    ["caisson build --to-stack 124 --create", "build everything and put it into the new stack 124"],
  ],
  run: async (cli, input) => {
    const { library, context } = cli;
    const formats = (input.values("format").length > 0 ? input.values("format") : ["tar.gz"]).map((word) => library.parseFormat(word).name);
    if (input.has("create") && input.value("to-stack") === undefined) library.fail({ code: "usage", message: "--create goes with --to-stack", hint: "caisson build --to-stack NAME --create" });
    if (input.has("on-disk") && input.value("rev") !== undefined) library.fail({ code: "usage", message: "--rev and --on-disk name different files", hint: "leave one of them out" });
    const workspace = withFindLinks(cli, await library.readWorkspace(context, context.cwd, askedFor(cli, input)), input);
    const platforms = choosePlatforms(cli, workspace, input);
    const stack = input.value("to-stack") === undefined ? undefined : library.parseStackRef(input.value("to-stack") ?? "", workspace.name);
    const store = await cli.openStore();
    if (stack !== undefined) await prepareStack(cli, store, stack, input.has("create"));
    const [rev, output, wheelDirectory] = [input.value("rev"), input.value("output"), input.value("wheel-dir") ?? (context.env["WHEEL_DIR"] || undefined)];
    const recap = openRecap(cli);
    const results = await library.buildPackages(context, store, workspace, {
      ...(input.arguments.length === 0 ? {} : { packages: input.arguments.map(library.parsePackageName) }),
      ...(platforms.length === 0 ? {} : { platforms }),
      ...(rev === undefined ? {} : { rev }),
      ...(output === undefined ? {} : { output }),
      ...(wheelDirectory === undefined ? {} : { wheelDirectory }),
      formats,
      onDisk: input.has("on-disk"),
      offline: input.has("offline"),
      ...(cli.json || input.has("no-recap") ? {} : { beforeWork: recap.begin }),
    }).finally(recap.end);
    if (stack !== undefined) await fillStack(cli, store, stack, results);
    if (rev === undefined) noteUncommitted(cli, results);
    print(cli, results);
    return 0;
  },
};

function withFindLinks({ library, context }: Cli, workspace: Workspace, input: Input): Workspace {
  const directories = input.values("find-links").map((word) => {
    const directory = resolve(context.cwd, word);
    if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true) return directory;
    return library.fail({ code: "usage", message: `there is no directory \`${word}\``, hint: "--find-links names a directory of wheels and sdists" });
  });
  return { ...workspace, index: { ...workspace.index, findLinks: [...workspace.index.findLinks, ...directories] } };
}

/** Before long work: say what would fail after it. */
async function prepareStack({ library }: Cli, store: Store, ref: StackRef, create: boolean): Promise<void> {
  if (create && !(await library.hasStack(store, ref))) return;
  const { state } = await library.readStack(store, ref);
  const name = library.printStackRef(ref);
  if (state.state === "frozen") library.fail({ code: "stack-frozen", message: `stack \`${name}\` is frozen`, hint: `caisson stack create NAME --from ${name}` });
}

async function fillStack({ library }: Cli, store: Store, ref: StackRef, results: readonly BuildResult[]): Promise<void> {
  if (!(await library.hasStack(store, ref))) await library.createStack(store, ref);
  await library.addToStack(store, ref, results.flatMap(({ artifacts }) => artifacts.map(({ artifact }) => artifact)));
}

function noteUncommitted(cli: Cli, results: readonly BuildResult[]): void {
  const names = [...new Set(results.filter(({ uncommitted }) => uncommitted).map((result) => `\`${result.package}\``))];
  if (names.length > 0) cli.note(`note: uncommitted changes of ${names.join(", ")} are not in it; --on-disk builds them`);
}

/** Paths are the result; what there is to say about them goes beside. */
function print(cli: Cli, results: readonly BuildResult[]): void {
  const built = results.flatMap((result) => result.artifacts.map((each) => ({ ...each, shown: relative(cli.context.cwd, each.path) })));
  if (cli.json) {
    cli.emit({ artifacts: built.map(describe) });
    return;
  }
  for (const { artifact, state, shown } of built) {
    cli.print(shown);
    const digest = `${state === "unchanged" ? "nothing to build; " : ""}sha256 ${artifact.content.digest.slice("sha256:".length)}`;
    cli.note(built.length === 1 ? digest : `${digest}  ${shown}`);
  }
}

function describe({ artifact, state, shown }: BuiltArtifact & { readonly shown: string }): Readonly<Record<string, unknown>> {
  const { version, platform, format, fileName, content } = artifact;
  return { package: artifact.package, version, platform, format, fileName, digest: content.digest, path: shown, unchanged: state === "unchanged" };
}
