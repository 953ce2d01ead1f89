/** Ask whoever sits at the terminal; no where nobody does, and where he stops us instead of answering. Input that is no terminal is never read as an answer. */
export async function askPerson(question: string, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
  const { createInterface } = await import("node:readline/promises");
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // The terminal is in our hands while we ask, and so is its Ctrl-C.
  terminal.once("SIGINT", () => process.kill(process.pid, "SIGINT"));
  try {
    return /^y(?:es)?$/i.test((await terminal.question(`${question} [y/N] `, { signal })).trim());
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  } finally {
    terminal.close();
  }
}
