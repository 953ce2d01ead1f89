import { existsSync } from "node:fs";
import { join, posix } from "node:path";
import type { Context } from "../../system/index.ts";
import type { Repository } from "./checkout.ts";
import { git, runGit } from "./git.ts";

/**
 * Check out the submodules of a checkout, and theirs. Their addresses are relative to where the repository came from, not to where we borrowed it;
 * a commit that the user has on this machine is taken from there.
 * @throws CaissonError `revision-unknown` where a submodule cannot be had
 */
export async function fillSubmodules(ctx: Context, repository: Repository, directory: string): Promise<void> {
  if (!existsSync(join(directory, ".gitmodules"))) return;
  const problem = { code: "revision-unknown", message: `cannot get the submodules of \`${repository.url ?? repository.top}\``, hint: "git submodule update --init --recursive" } as const;
  const origin = repository.url ?? (await originOf(ctx, repository.top));
  await git(ctx, directory, ["config", "remote.origin.url", origin], problem);
  await git(ctx, directory, ["submodule", "--quiet", "init"], problem);
  const modules = await gitDirectory(ctx, repository.top);
  for (const { name, path } of await listSubmodules(ctx, directory)) {
    const real = await valueOf(ctx, directory, `submodule.${name}.url`);
    if (real === undefined) continue;
    const local = join(modules, "modules", name);
    const commit = (await git(ctx, directory, ["rev-parse", "--verify", "--quiet", "--end-of-options", `HEAD:${path}`], problem)).toString("utf8").trim();
    const have = existsSync(local) && (await runGit(ctx, local, ["cat-file", "-e", commit])).status === 0;
    const settings = have ? ["-c", `submodule.${name}.url=${local}`] : [];
    await git(ctx, directory, [...settings, "-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--checkout", "--force", "--", path], { ...problem, message: `cannot get the submodule \`${path}\` of \`${repository.url ?? repository.top}\`` });
    await fillSubmodules(ctx, { top: have ? local : join(directory, path), url: real }, join(directory, path));
  }
}

async function originOf(ctx: Context, top: string): Promise<string> {
  return (await valueOf(ctx, top, "remote.origin.url")) ?? top;
}

async function gitDirectory(ctx: Context, top: string): Promise<string> {
  return (await runGit(ctx, top, ["rev-parse", "--path-format=absolute", "--git-common-dir"])).stdout.toString("utf8").trim();
}

async function valueOf(ctx: Context, directory: string, key: string): Promise<string | undefined> {
  const { status, stdout } = await runGit(ctx, directory, ["config", "--get", key]);
  return status === 0 ? stdout.toString("utf8").replace(/\n$/, "") : undefined;
}

async function listSubmodules(ctx: Context, directory: string): Promise<readonly { readonly name: string; readonly path: string }[]> {
  const { stdout } = await runGit(ctx, directory, ["config", "--file", ".gitmodules", "-z", "--get-regexp", String.raw`^submodule\..*\.path$`]);
  return stdout
    .toString("utf8")
    .split("\0")
    .flatMap((line) => {
      const [key = "", path = ""] = line.split("\n");
      const name = /^submodule\.(.+)\.path$/s.exec(key)?.[1];
      // A name is a directory below .git/modules, a path one below the checkout; neither may lead elsewhere.
      return name === undefined || leaves(name) || leaves(path) ? [] : [{ name, path }];
    });
}

function leaves(path: string): boolean {
  return path === "" || path.startsWith("-") || posix.isAbsolute(path) || path.split("/").includes("..");
}
