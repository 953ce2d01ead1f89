/** The public library. */
export * from "./model/index.ts";
export { createContext, type Context } from "./system/index.ts";
