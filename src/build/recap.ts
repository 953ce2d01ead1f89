import type { FormatName, Package, Platform, Workspace } from "../model/index.ts";
import { withoutCredentials } from "./source/git.ts";
import { findTop } from "./source/place.ts";
import type { Session } from "./session.ts";

/** The settings that a build goes by, wherever they come from. */
export interface Recap {
  /** As their authors wrote them. */
  readonly packages: readonly string[];
  /** A tag, branch or commit; `HEAD`; `files on disk`. */
  readonly source: string;
  readonly platforms: readonly {
    readonly label: string;
    /** `3.11` */
    readonly python: string;
    /** The name of the one that releases bring along; undefined where the host's own runs them. */
    readonly interpreter?: string;
  }[];
  readonly formats: readonly FormatName[];
  /** Without passwords. */
  readonly index: string;
  /** Which setting says so. */
  readonly indexFrom: string;
  readonly findLinks: readonly string[];
  /** Absolute. */
  readonly store: string;
  readonly offline: boolean;
  /** Of wheels from rules. */
  readonly exceptions: NonNullable<Workspace["exceptions"]>;
}

export interface RecapRequest {
  readonly packages: readonly Package[];
  readonly platforms: readonly Platform[];
  readonly formats: readonly FormatName[];
  readonly rev?: string;
  readonly onDisk?: boolean;
}

/** Put together what a build goes by. */
export async function recapOf(session: Session, { packages, platforms, formats, rev, onDisk }: RecapRequest): Promise<Recap> {
  const index = await session.index();
  return {
    packages: packages.map(({ written }) => written),
    source: rev ?? (onDisk === true || findTop(session.workspace.directory) === undefined ? "files on disk" : "HEAD"),
    platforms: await Promise.all(platforms.map(async (platform) => {
      const interpreter = await session.interpreter(platform);
      return { label: platform.label, python: platform.python.version, ...(interpreter === undefined ? {} : { interpreter: interpreter.name }) };
    })),
    formats,
    index: index.disabled ? "none" : withoutCredentials(index.url),
    indexFrom: index.from,
    findLinks: index.findLinks.map(withoutCredentials),
    store: session.store.directory,
    offline: session.offline,
    exceptions: session.workspace.exceptions ?? [],
  };
}
