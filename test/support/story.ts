import { spawnSync } from "node:child_process";

/** One command of a transcript, and what it must print: `! ` begins a line of stderr, `[n]` is the exit status. */
export interface Scene {
  readonly line: number;
  readonly command: string;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly status: number | undefined;
  /** `...` stands in the transcript: other lines may follow. */
  readonly open: boolean;
}

/** Read a transcript: `$ command`, then what it prints. Lines that begin with `#` and empty lines are for readers. */
export function parseStory(text: string): readonly Scene[] {
  const scenes: { -readonly [Key in keyof Scene]: Scene[Key] }[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const scene = scenes.at(-1);
    const status = /^\[(?<status>\d+)\]$/.exec(line)?.groups?.["status"];
    if (line.startsWith("$ ")) scenes.push({ line: index + 1, command: line.slice(2), stdout: [], stderr: [], status: undefined, open: false });
    else if (line === "" || line.startsWith("#") || scene === undefined) continue;
    else if (status !== undefined) scene.status = Number(status);
    else if (line === "...") scene.open = true;
    else if (line === "!" || line.startsWith("! ")) scene.stderr = [...scene.stderr, line.slice(2)];
    else scene.stdout = [...scene.stdout, line];
  }
  return scenes;
}

/** What a command printed, in the words of the transcript. */
export interface Played {
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly status: number;
}

/** Run a scene in a shell that keeps its directory from scene to scene. */
export function playScene(scene: Scene, shell: { cwd: string; readonly env: Readonly<Record<string, string>> }, filter: (line: string) => string): Played {
  const script = `cd -- "$STORY_CWD" || exit 99\n${scene.command}\nstatus=$?\npwd >&3\nexit $status`;
  const ran = spawnSync("bash", ["-c", script], { cwd: shell.cwd, env: { ...shell.env, STORY_CWD: shell.cwd }, stdio: ["ignore", "pipe", "pipe", "pipe"], encoding: "utf8", timeout: 120_000 });
  shell.cwd = (ran.output[3] ?? "").trim() || shell.cwd;
  return { stdout: lines(ran.stdout).map(filter), stderr: lines(ran.stderr).filter((line) => !line.startsWith("  ") || line.startsWith("  caused by")).map(filter), status: ran.status ?? 99 };
}

function lines(text: string): readonly string[] {
  const all = text.split("\n").map((line) => line.trimEnd());
  return all.at(-1) === "" ? all.slice(0, -1) : all;
}

/** Filters for what differs from run to run. */
export function stable(line: string): string {
  return line
    .replaceAll(/sha256:[0-9a-f]{64}/g, "<digest>")
    .replaceAll(/\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}:/g, "[<time>:")
    .replaceAll(/\b[0-9a-f]{64}\b/g, "<hex>")
    .replaceAll(/\b[0-9a-f]{40}\b/g, "<commit>")
    .replaceAll(/\b\d+(?:\.\d+)? (?:B|kB|MB|GB)\b/g, "<size>");
}
