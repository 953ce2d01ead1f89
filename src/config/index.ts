/** Reads the files people write into the model, and reports all problems at once with file, line where known, key and expected shape. */
export { readWorkspace } from "./read.ts";
export { parseTarget } from "./targets.ts";
