/** Turns a payload into bytes, reproducibly, and reads them back, trusting nothing: the bundle, in five containers. */
export { artifactFileName, formats, parseFormat, type Format } from "./format.ts";
export { bundleFiles, type BundleFile } from "./bundle.ts";
export { packBundle, writeBundleDirectory } from "./pack.ts";
export { unpackBundle } from "./unpack.ts";
