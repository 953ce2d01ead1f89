/** Touches files, processes, network and time, so that few others do. */
export * from "./concurrently.ts";
export * from "./context.ts";
export * from "./drafts.ts";
export * from "./files.ts";
export * from "./filter.ts";
export * from "./foreground.ts";
export * from "./hash.ts";
export * from "./owned-directory.ts";
export * from "./owner.ts";
export * from "./run.ts";
export * from "./user-directory.ts";
export * from "./whole.ts";
