/** Turns a payload into bytes, reproducibly, and reads them back, trusting nothing: the bundle, in five containers. */
export { artifactFileName, formats, parseFormat, type Format } from "./format.ts";
export { bundleFiles } from "./bundle.ts";
export { packBundle } from "./pack.ts";
export { unpackBundle } from "./unpack.ts";
