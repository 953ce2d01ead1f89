/** Files behind the wrapper, which a test may read and change. */
export interface SshFiles {
  /** Belongs to these hosts alone and goes with them. */
  readonly directory: string;
  /** In ssh_config's words. */
  readonly config: string;
  /** One line per host, by its name. */
  readonly knownHosts: string;
  /** The private key that every host lets in; its public half is beside it. */
  readonly key: string;
  /** Goes first on PATH: `ssh`, `scp` and `sftp` that know these hosts. */
  readonly bin: string;
}
/** How ssh finds one host. */
export interface Way {
  readonly name: string;
  readonly user: string;
  readonly address: string;
  readonly port: number;
  /** Further lines of ssh_config for this host: `ProxyJump h1`. */
  readonly lines?: readonly string[];
}
export function makeSshFiles(directory: string): SshFiles;
export function sshEnvironment(files: SshFiles): Readonly<Record<string, string>>;
export function writeSshConfig(files: SshFiles, ways: readonly Way[]): void;
export function writeKnownHosts(files: SshFiles, keys: ReadonlyMap<string, string>): void;
export function makeKey(path: string): void;
export function findProgram(name: string): string | undefined;
