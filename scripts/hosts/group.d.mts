import type { SshFiles, Way } from "./ssh-files.mjs";

export type GroupKind = "namespace" | "systemd";

/** What is special about one host. */
export interface HostSpecial {
  /** false: no python3 on it. A directory here that has `bin/python3`: that one, at the same place and on PATH, and no other. */
  readonly python?: boolean | string;
  /** Its bastion, by name: reachable only from there. */
  readonly behind?: string;
  /** Directories of this machine that show up on the host: path on the host to path here. `/srv` may be among them; it becomes deploy's. */
  readonly binds?: Readonly<Record<string, string>>;
  /** Lines of sshd_config for this one, instead of the group's. */
  readonly sshd?: readonly string[];
}
/** A host as its group knows it. */
export interface GroupHost {
  readonly name: string;
  readonly address: string;
  /** Its root directory as seen from here; /srv is elsewhere. */
  readonly root: string;
  /** Its /srv as seen from here. */
  readonly srv: string;
  /** Its first process; `/proc/<leader>/root` is all of its file systems. */
  readonly leader: () => number;
  readonly log: () => string;
  /** Run a program on it as root, not over ssh. @returns what it wrote to stdout */
  readonly enter: (words: readonly string[], options?: { readonly input?: string }) => Promise<string>;
  readonly kill: () => Promise<void>;
  readonly restart: (options?: { readonly sshd?: readonly string[]; readonly newHostKey?: boolean }) => Promise<void>;
  readonly halt: () => Promise<void>;
  readonly boot: () => Promise<void>;
}
/** What the wire of a group does to every frame; TCP itself meets it. */
export interface WireState {
  /** Milliseconds there and back. */
  readonly roundTrip?: number;
  /** Bytes per second in each direction; 0: as fast as it goes. What waits too long in front of it is dropped, as in a router. */
  readonly rate?: number;
  /** The part of frames that is lost, 0 to 1; the same ones in every run, as far as the same are sent. */
  readonly loss?: number;
  /** Nothing arrives, and nobody is told. */
  readonly silent?: boolean;
}
/** Bytes are of IP packets, headers included. */
export interface WireCount {
  readonly toHost: number;
  readonly fromHost: number;
  readonly packetsToHost: number;
  readonly packetsFromHost: number;
  readonly dropped: number;
  readonly connections: number;
  /** How often something was said to the host after it had spoken, and the first time: round trips, TCP's own opening included. */
  readonly turns: number;
}
export interface Wire {
  /** For one host or all; what is not named stays. */
  readonly set: (state: WireState, host?: string) => Promise<void>;
  readonly count: { (): Promise<Readonly<Record<string, WireCount>>>; (host: string): Promise<WireCount> };
  /** Count from 0 again. */
  readonly reset: () => Promise<void>;
}
export interface Group {
  /** Where `wire` was asked for. */
  readonly wire: Wire | undefined;
  readonly number: number;
  readonly files: SshFiles;
  readonly ways: readonly Way[];
  readonly hosts: readonly GroupHost[];
  readonly close: () => Promise<void>;
}
export interface GroupOptions {
  readonly kind: GroupKind;
  readonly names: readonly string[];
  /** A process's word: the group goes when it is gone. Any other word: it stays until it is taken down. */
  readonly owner: string;
  readonly sshd?: readonly string[];
  readonly hosts?: Readonly<Record<string, HostSpecial>>;
  /** Put a wire between this machine and the hosts. */
  readonly wire?: WireState;
  readonly say?: (line: string) => void;
}
export function openGroup(options: GroupOptions): Promise<Group>;
export function lackingForGroup(kind: GroupKind): string | undefined;
