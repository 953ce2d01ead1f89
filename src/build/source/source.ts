import type { Json, Revision } from "../../model/index.ts";

/** A package's files at a revision; `await using`, since a checkout is removed with it. */
export interface Source extends AsyncDisposable {
  readonly revision: Revision;
  /** What the package's directory holds: git's tree id, or the revision's own id where there is no commit. Part of keys. */
  readonly treeKey: string;
  /** What outside of that directory decides what is built of it: files above it that git or back ends read, and everything, where links or settings lead out. Part of keys. */
  around(): Promise<Json | undefined>;
  /** HEAD was taken because nobody named a revision, and the files on disk differ from it. */
  readonly uncommitted: boolean;
  /** What `git describe --tags --long` prints, or the number of commits where there is no tag; undefined without git, and for files on disk. Walks the history, so it is asked only when called. */
  describe(): Promise<string | undefined>;
  /** What a version may be made of besides files: the commit, or the one that files on disk lie upon, and how git describes it. Part of keys. */
  commit(): Promise<{ readonly commit: string; readonly describe: string }>;
  /** A file of the package's directory, found without a checkout; undefined where there is none. */
  readText(name: string): Promise<string | undefined>;
  /** The package's directory in a checkout of the whole repository, made once. To be read only: what a back end leaves behind would go into the next build. */
  checkout(): Promise<string>;
  /** The package's directory in a fresh checkout below `directory`, which the caller removes. */
  checkoutInto(directory: string): Promise<string>;
}

/** Which files of a package are meant: those of a commit (HEAD where none is named), or those on disk. */
export type RevisionRequest = { readonly rev?: string; readonly offline?: boolean } | { readonly onDisk: true };

/** Files of a package's directory that tell what it needs; read with the revision itself, at no further cost. */
export const METADATA_FILES: readonly string[] = ["pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "VERSION"];
