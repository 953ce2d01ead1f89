import { compareBytewise, digestHex, fail, type BlobReader, type Payload } from "../model/index.ts";
import { blobFile, textFile, type BundleFile } from "./bundle.ts";

/**
 * What a wheelhouse holds, sorted bytewise by path: the package's own wheel and every one that it needs on its platform, as they came or were built, and a list of them with hashes.
 * `pip install --no-index --find-links DIR NAME` needs no more.
 * @throws CaissonError `format-unknown` where the package has no wheels
 */
export async function* wheelhouseFiles(payload: Payload, read: BlobReader): AsyncIterable<BundleFile> {
  if (payload.kind !== "python") fail({ code: "format-unknown", message: `\`${payload.written}\` has no wheels`, hint: "the format `wheelhouse` is for packages of kind \"python\"" });
  const files = [textFile("requirements.txt", requirementsText(payload)), ...payload.distributions.map(({ fileName, wheel }) => blobFile(fileName, wheel, read))];
  yield* files.toSorted((a, b) => compareBytewise(a.path, b.path));
}

/** Everything by its exact version and the one file there is of it, as pip and uv read it with --require-hashes. */
function requirementsText({ written, version, platform, distributions }: Payload): string {
  const lines = distributions.toSorted((a, b) => compareBytewise(a.name, b.name)).map((each) => `${each.name}==${each.version} \\\n    --hash=sha256:${digestHex(each.wheel.digest)}\n`);
  return [
    `# ${written} ${version} for ${platform.label} (CPython ${platform.python.version}), with everything it needs:\n`,
    "# pip install --require-hashes --no-index --find-links DIR -r DIR/requirements.txt\n",
    ...lines,
  ].join("");
}
