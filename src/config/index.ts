/** Reads the files people write into the model, and reports all problems at once with file, line where known, key and expected shape. */
export { readWorkspace } from "./read.ts";
export { namesPlace, parseTarget } from "./targets.ts";
export { planInit, writeInit, type InitPlan } from "./init.ts";
export { printEnvironment, readEnvironment, type Environment } from "./environment.ts";
export { showConfig, type Setting } from "./show.ts";
export { printConfigReference } from "./reference.ts";
