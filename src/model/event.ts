import type { Problem } from "./error.ts";

/** What the library reports while it works; the command line prints it, `--json` writes one per line. `what` is a phrase in the field's words: "lock debian-12". */
export type Event =
  | { readonly type: "started" | "finished"; readonly what: string; readonly host?: string }
  | { readonly type: "progress"; readonly what: string; readonly done: number; readonly total?: number; readonly unit?: "bytes"; readonly host?: string }
  | { readonly type: "output"; readonly what: string; readonly line: string; readonly host?: string }
  | { readonly type: "notice"; readonly message: string; readonly host?: string }
  | { readonly type: "warning"; readonly problem: Problem; readonly host?: string };
