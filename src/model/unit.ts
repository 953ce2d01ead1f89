import type { PackageName } from "./name.ts";

/** A file of systemd's: a service, its socket or its timer, or the target that holds them together. */
export interface Unit {
  /** `caisson-shop-web-web.service` */
  readonly name: string;
  readonly text: string;
  /** Whose process it starts; not for the target. */
  readonly package?: PackageName;
  readonly process?: string;
}

/** What systemd knows of a release's processes. All texts begin with the same line, which says whose they are. */
export interface Units {
  readonly files: readonly Unit[];
  /** Who runs the processes; absent where that is whoever deploys. */
  readonly user?: string;
  /** All that is ever done to them, as argument lists: root's, or those that sudo allows. */
  readonly commands: {
    readonly restart: readonly string[];
    readonly stop: readonly string[];
    readonly reset: readonly string[];
    readonly logs: readonly string[];
  };
}
