import type { HostFacts } from "../model/index.ts";

/** What is asked of a host besides what it is: argument lists that sudo should allow, and who is to run processes. */
export interface ExamineRequest {
  readonly commands: readonly (readonly string[])[];
  readonly user?: string;
}

/** Something that was tried and did not work: a code and a sentence. */
interface Trouble {
  readonly code: string;
  readonly detail: string;
}

/** What a host needs before a deploy, as its agent found it by trying. PROTOCOL.md has the words. */
export interface HostExamination {
  /** Who deploys. */
  readonly user: string;
  /** As it was before the agent set its own. */
  readonly umask: number | null;
  /** The directory that is there, of the root and those above it. */
  readonly place: string;
  /** What stands there and is none of ours. */
  readonly root: Trouble | null;
  readonly writing: (Trouble & { readonly place: string }) | null;
  readonly linking: Trouble | null;
  /** Whether two links can change places in one step. */
  readonly exchange: boolean;
  /** `ext4` */
  readonly filesystem: string;
  readonly noexec: boolean;
  /** Who changes the host at this moment. */
  readonly lock: { readonly by?: string; readonly since?: number } | null;
  readonly selinux: "enforcing" | "permissive" | null;
  /** systemd, where it runs the host. */
  readonly manager: { readonly version: number | null; readonly lingers: boolean } | null;
  /** In the order in which they were asked. */
  readonly sudo: readonly { readonly allowed: boolean; readonly detail?: string }[];
  /** Whether who is to run processes is there; null where nobody in particular is. */
  readonly wantedUser: boolean | null;
}

/** What decides which wheels a host takes, as one interpreter there says it of itself. PROTOCOL.md has the words. */
export interface PlatformExamination extends Pick<HostFacts, "os" | "arch" | "libc"> {
  /** The interpreter proper. */
  readonly path: string;
  /** `cpython-311-x86_64-linux-gnu` */
  readonly soabi: string | null;
  /** It is a 64-bit program. */
  readonly wide: boolean;
  /** Minors of glibc whose wheels it will not have. */
  readonly refused: readonly number[];
  /** The 11 of PEP 508. */
  readonly markers: Readonly<Record<string, string>>;
}
