/** What of a failed program's log is shown. */
const SHOWN = 15;

/** Lines of a compiler's first error that are shown where not all that follows is. */
const FIRST_ERROR = 6;

/** Columns. */
const WIDE = 240;

/** The lines of a log that tell why the program failed: from a compiler's first error on, and its last ones. */
export function lastWords(log: readonly string[]): readonly string[] {
  const lines = log.filter((line) => line.trim() !== "").map(shorten);
  const first = lines.findIndex((line) => COMPILER_ERROR.test(line));
  const told = first === -1 ? lines.slice(-SHOWN) : lines.slice(first);
  return told.length <= SHOWN ? told : [...told.slice(0, FIRST_ERROR), "...", ...told.slice(FIRST_ERROR - SHOWN)];
}

/** `x.c:1:10: fatal error: no such file`, or Rust's `error[E0433]: failed to resolve`. */
const COMPILER_ERROR = /^\S+:\d+(?::\d+)?: (?:fatal )?error: |^error\[E\d+\]: /;

/** The same of a back end that ran here or for uv, without what uv says around it, and without Python's way through what is not the package's own. */
export function lastWordsOfBuild(log: readonly string[]): readonly string[] {
  const { said, causes } = readBuild(log);
  const words = lastWords([...withoutWay(said), ...causes.filter((cause) => !ITS_BACK_END.test(cause))]);
  return words.length === 0 ? causes : words;
}

/** What uv says where all that went wrong is the back end's to tell. */
const ITS_BACK_END = /^The build backend returned an error$|^Call to `\S+` failed /;

/** What the back end printed, and what uv says of why it failed: what it was asked for uv is quoted below uv's words. */
function readBuild(log: readonly string[]): { readonly said: readonly string[]; readonly causes: readonly string[] } {
  const failed = log.findLastIndex((line, at) => FAILED.test(line) || (line.startsWith("error: ") && log[at + 1]?.startsWith("  cause: ") === true));
  if (failed === -1) return { said: log.filter((line) => !ANNOUNCED.test(line)), causes: [] };
  const [words] = split(log.slice(FAILED.test(log[failed] ?? "") ? failed + 1 : failed), (line) => line.startsWith("hint: "));
  const [causes, quoted] = split(words, (line) => QUOTED.test(line));
  return {
    said: [...log.slice(0, failed).filter((line) => !ANNOUNCED.test(line)), ...quoted.filter((line) => !QUOTED.test(line)).map((line) => line.slice(INDENT))],
    causes: causes.filter((line) => line.trim() !== "").map((line) => line.replace(/^error: |^ {2}(?:cause: )?/, "")),
  };
}

function split(lines: readonly string[], isBorder: (line: string) => boolean): readonly [before: readonly string[], from: readonly string[]] {
  const at = lines.findIndex(isBorder);
  return at === -1 ? [lines, []] : [lines.slice(0, at), lines.slice(at)];
}

const FAILED = /^error: Failed to (?:download and )?build `/;

const ANNOUNCED = /^Building \S+(?: distribution)?\.\.\.$/;
const QUOTED = /^ +\[std(?:out|err)\]$/;

/** Columns by which uv moves in what it quotes. */
const INDENT = 9;

/** A traceback becomes its frames in the package's own files, and what was raised. */
function withoutWay(lines: readonly string[]): readonly string[] {
  const kept: string[] = [];
  let keeps = true;
  let inSetuptools = false;
  for (const line of lines) {
    const file = /^ +File "(?<file>[^"]+)", line \d+/.exec(line)?.groups?.["file"];
    if (line === "Traceback (most recent call last):") {
      keeps = false;
      inSetuptools = false;
    } else if (file !== undefined) {
      // uv asks the back end by a program without a name, and setuptools runs setup.py as one.
      keeps = file === "<string>" ? inSetuptools : !FOREIGN.test(file);
      inSetuptools = file.endsWith("/setuptools/build_meta.py") || (file === "<string>" && inSetuptools);
      if (keeps) kept.push(line.trim().replace('"<string>"', '"setup.py"'));
    } else if (!line.startsWith(" ")) {
      keeps = true;
      kept.push(line);
    } else if (keeps) kept.push(line);
  }
  return kept;
}

/** What Python, a build's environment, we or nobody wrote. */
const FOREIGN = /\/(?:site|dist)-packages\/|\/lib\/python3\.\d+\/|\/agent\/build\/|^</;

/** A compiler's whole command line tells less than its two ends. */
function shorten(line: string): string {
  return line.length <= WIDE ? line : `${line.slice(0, WIDE * 2 / 3)} ... ${line.slice(-WIDE / 3)}`;
}
