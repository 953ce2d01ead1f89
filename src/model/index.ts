/** Says what things are and how they are written down; imports nothing, not even `node:`. */
export * from "./digest.ts";
export * from "./canonical-json.ts";
export * from "./name.ts";
export * from "./error.ts";
export * from "./event.ts";
export * from "./platform.ts";
export * from "./tree.ts";
export * from "./distribution.ts";
export * from "./package.ts";
export * from "./payload.ts";
export * from "./artifact.ts";
export * from "./stack.ts";
export * from "./release.ts";
export * from "./target.ts";
export * from "./plan.ts";
export * from "./workspace.ts";
export * from "./blobs.ts";
