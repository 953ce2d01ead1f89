/** The public library. */
export * from "./model/index.ts";
export { createContext, type Context } from "./system/index.ts";
export { artifactFileName, formats, packBundle, parseFormat, unpackBundle, writeBundleDirectory, type Format } from "./formats/index.ts";
export { parseTarget, readWorkspace } from "./config/index.ts";
