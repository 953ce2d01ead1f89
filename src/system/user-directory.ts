import { userInfo } from "node:os";
import { isAbsolute, join } from "node:path";

/** Where the user keeps files of a kind: what the variable names (`XDG_CACHE_HOME`), else `below` HOME, else below the home that the system knows. A word that is not absolute names nothing, as the XDG base directory specification has it. */
export function userDirectory(env: Readonly<Record<string, string>>, variable: string, below: string): string {
  const { [variable]: named = "", HOME: home = "" } = env;
  return isAbsolute(named) ? named : join(isAbsolute(home) ? home : userInfo().homedir, below);
}
