/** Reads the files people write into the model, and reports all problems at once with file, line where known, key and expected shape. */
import type * as Init from "./init.ts";
import type * as Project from "./project.ts";
import type * as Read from "./read.ts";
import type * as Show from "./show.ts";

export { namesPlace, parseTarget } from "./targets.ts";
export type { Asked } from "./asked.ts";
export type { InitPlan } from "./init.ts";
export { printEnvironment, readEnvironment, type Environment } from "./environment.ts";
export type { Setting } from "./show.ts";
export { printConfigReference } from "./reference.ts";
export { locateKeys } from "./locate.ts";

/** As `requiresOf` of ./project.ts. */
export const requiresOf = async (...words: Parameters<typeof Project.requiresOf>): Promise<ReturnType<typeof Project.requiresOf>> => (await import("./project.ts")).requiresOf(...words);
// Loaded when they are first called.
export const readWorkspace: typeof Read.readWorkspace = async (...words) => (await import("./read.ts")).readWorkspace(...words);
export const planInit: typeof Init.planInit = async (...words) => (await import("./init.ts")).planInit(...words);
export const writeInit: typeof Init.writeInit = async (...words) => (await import("./init.ts")).writeInit(...words);
export const showConfig: typeof Show.showConfig = async (...words) => (await import("./show.ts")).showConfig(...words);
