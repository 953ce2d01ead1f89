import { access, chmod, constants, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { quoteWord } from "../../formats/index.ts";
import { makeDirectory } from "../../system/index.ts";
import { COMPILERS, type ChooseCompilers } from "./compilers.ts";

/**
 * This machine's own compilers: a program for each, which tells the real one to write no place of this build into what it makes:
 * debug information and `__FILE__` name files as they lie in the source, whatever directory that was unpacked in.
 * By programs and not by CFLAGS, because whoever sees those leaves out its own, `-O2` among them.
 */
export const ownCompilers: ChooseCompilers = async (scratch, path) => {
  const directory = join(scratch, "compilers");
  await makeDirectory(directory);
  const found = await Promise.all(COMPILERS.map(async ([name]) => [name, await findIn(path, name)] as const));
  for (const [name, program] of found) {
    if (program === undefined || name === "nvcc") continue;
    await writeFile(join(directory, name), programText(program, join(scratch, `${name}.option`), scratch));
    await chmod(join(directory, name), 0o755);
  }
  return { directories: [directory], env: {}, haveRefused: () => Promise.resolve(false) };
};

async function findIn(path: string, name: string): Promise<string | undefined> {
  const places = path.split(delimiter).filter((directory) => directory.startsWith("/")).map((directory) => join(directory, name));
  const found = await Promise.all(places.map((place) => access(place, constants.X_OK).then(() => place, () => undefined)));
  return found.find((place) => place !== undefined);
}

/** Each directory of headers becomes a number in its order, the working directory a dot. gcc before 8 knows another option. */
function programText(program: string, option: string, scratch: string): string {
  const [compiler, kept, top] = [program, option, scratch].map(quoteWord);
  return `#!/bin/sh
[ -s ${kept} ] || { if ${compiler} -ffile-prefix-map=/a=/b -E -x c /dev/null >/dev/null 2>&1; then echo -ffile-prefix-map; else echo -fdebug-prefix-map; fi > ${kept}.$$ && mv ${kept}.$$ ${kept}; }
read -r map < ${kept}
count=0
for argument; do
  case $argument in
    -I/*) count=$((count + 1)); set -- "$@" "$map=\${argument#-I}=include-$count" ;;
  esac
done
exec ${compiler} "$@" "$map="${top}=. "$map=$PWD=."
`;
}
