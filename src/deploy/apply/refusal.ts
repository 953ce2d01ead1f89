import type { ErrorCode, Problem } from "../../model/index.ts";
import type { Answer } from "../../transport/index.ts";

/** What a host refused, and what to try. */
export function refusal({ code, detail, mend }: Answer & { readonly done: false }): Problem {
  // Where nothing was written beside the files, what is wrong with them is mended by nothing but their bytes.
  const known = code === "tree-changed" && mend === undefined ? `${HINTS[code]}, and mends it: caisson verify --repair` : HINTS[code];
  const hint = mend === undefined ? known : [`there: ${mend}`, known].filter((words) => words !== undefined).join("; then ");
  return { code, message: detail, ...(hint === undefined ? {} : { hint }) };
}

/** What to try after what a host refuses; the others say it in their details. */
const HINTS: Readonly<Partial<Record<ErrorCode, string>>> = {
  "disk-full": "make room there (caisson prune removes old releases), then run the same command again",
  "host-busy": "wait until that has ended, then run the same command again",
  "host-changed": "look at what is there now, then run the same command again",
  "hook-failed": "what it printed is in the target's root there, `hooks/RELEASE.log`; mend it, and run the same command again. What a program writes belongs below CAISSON_STATE",
  "tree-changed": "let the program write below CAISSON_STATE (Django: DATABASES, MEDIA_ROOT and STATIC_ROOT), or give its package `link = \"copy\"`; caisson verify names everything that is not as it was deployed",
  permission: "check the owner and the mode of the target's root",
};
