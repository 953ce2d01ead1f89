import { mediaTypes, type InterpreterTree, type Payload, type Stack, type Target } from "../model/index.ts";
import type { Store } from "../store/index.ts";
import type { BringInterpreter } from "../transport/index.ts";

/** The interpreter that a stack brings along, for hosts that have none to run the agent on before the stack is there. */
export function interpreterFrom(store: Store, stack: Stack, target: Pick<Target, "platform">): BringInterpreter {
  return async (arch) => {
    const artifacts = stack.members.flatMap((member) => member.artifacts.filter(({ platform }) => target.platform === undefined || platform === target.platform));
    for (const { payload: { digest } } of artifacts) {
      const { interpreter, blobs, platform } = await store.readJson<Payload>(digest);
      const archive = blobs.find(({ mediaType }) => mediaType === mediaTypes.tar);
      if (interpreter?.from !== "tree" || archive === undefined || platform.arch !== arch) continue;
      return { program: interpreter.executable.replace(/^root\//, ""), size: archive.size, bytes: store.read(archive.digest) };
    }
    return undefined;
  };
}

/** One that the store has, for hosts that have none, before there is a stack that brings it along. */
export function interpreterOf(store: Store, { arch, executable, blob }: InterpreterTree): BringInterpreter {
  return (wanted) => Promise.resolve(wanted === arch ? { program: executable.replace(/^root\//, ""), size: blob.size, bytes: store.read(blob.digest) } : undefined);
}
