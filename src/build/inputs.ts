import { hasBuildScripts, type Json, type Package, type Platform } from "../model/index.ts";
import { ruleSetVersion } from "../python/index.ts";
import type { Action } from "./action.ts";
import { lockKey } from "./lock/lock.ts";
import { lockRequest } from "./lock/lock-request.ts";
import { siblingsOf } from "./order.ts";
import type { Session } from "./session.ts";
import type { Source } from "./source/source.ts";
import { isCompiledByZig, zigName } from "./zig/zig.ts";

export type ArtifactAction = Extract<Action, { kind: "artifact" }>;

/** What decides the bytes of an artifact, and where it comes from. */
export interface Inputs {
  /** The package itself, then its siblings. */
  readonly members: readonly Package[];
  readonly sources: readonly Source[];
  readonly action: Omit<ArtifactAction, "format">;
  /** What a version may be made of besides files. */
  readonly commits: () => Promise<Json>;
}

/** All that decides the bytes of an artifact, from git and caisson.toml alone: no uv, no Python, no distribution. */
export async function readInputs(session: Session, pkg: Package, platform: Platform): Promise<Inputs> {
  const members = [pkg, ...siblingsOf(pkg, session.workspace.packages)];
  const sources = members.map((member) => session.source(member));
  const { name: _, source: __, needs: ___, ...settings } = pkg;
  const around = await Promise.all(sources.map((source) => source.around()));
  const interpreter = pkg.kind === "files" ? undefined : await session.interpreter(platform);
  return {
    members,
    sources,
    action: {
      schema: "caisson.action/1",
      kind: "artifact",
      package: settings as unknown as Json,
      platform: platform as unknown as Json,
      trees: members.map(({ name, kind }, at) => ({ name, kind, tree: sources[at]?.treeKey ?? "", ...(around[at] === undefined ? {} : { around: around[at] }) })),
      lock: pkg.kind === "files" ? "" : await lockKey(session.ctx, lockRequest(session, pkg, platform)),
      ...(pkg.kind !== "files" && isCompiledByZig(session.workspace, platform) ? { compiler: zigName } : {}),
      ...(await scriptsOf(session, members)),
      ...(interpreter === undefined ? {} : { interpreter: interpreter.tree.id }),
      rules: `${ruleSetVersion} ${await session.ownDigest()}`,
    },
    commits: () => Promise.all(sources.map((source) => source.commit())),
  };
}

async function scriptsOf(session: Session, members: readonly Package[]): Promise<Pick<ArtifactAction, "scripts">> {
  const scripted = members.filter(hasBuildScripts);
  if (scripted.length === 0) return {};
  const { os, arch, libc } = await session.machine();
  return { scripts: { of: Object.fromEntries(scripted.map(({ name, preBuild = "", postBuild = "" }) => [name, { "pre-build": preBuild, "post-build": postBuild }])), machine: { os, arch, libc } } };
}
