/**
 * Whether an `__init__.py` does nothing but declare a namespace package, in the style of pkgutil or of pkg_resources, or nothing at all.
 * Comments, blank lines and the choice of quotes do not matter.
 * Source: packaging.python.org/guides/packaging-namespace-packages
 */
export function declaresNamespace(text: string): boolean {
  const written = text.split(/\r\n|\r|\n/);
  // Most files say more than that, in one of their first lines.
  if (!/extend_path|declare_namespace/.test(text)) return written.every((line) => /^\s*(?:#|$)/.test(line));
  const lines = written
    .map((line) => line.replace(/#.*$/, "").replaceAll("'", '"').trim().replaceAll(/\s+/g, " ").replaceAll(/\s*([=(),.])\s*/g, "$1"))
    .filter((line) => line !== "");
  return DECLARATION.test(lines.join("\n").replaceAll(/;\s*/g, "\n").replaceAll(/:\s*/g, ":\n").replaceAll(/\n+/g, "\n"));
}

const PKG_RESOURCES = String.raw`(?:__import__\("pkg_resources"\)\.declare_namespace\(__name__\)|import pkg_resources\npkg_resources\.declare_namespace\(__name__\)|from pkg_resources import declare_namespace\ndeclare_namespace\(__name__\))`;
const PKGUTIL = String.raw`(?:__path__=__import__\("pkgutil"\)\.extend_path\(__path__,__name__\)|import pkgutil\n__path__=pkgutil\.extend_path\(__path__,__name__\)|from pkgutil import extend_path\n__path__=extend_path\(__path__,__name__\))`;
const DECLARATION = new RegExp(String.raw`^(?:${PKG_RESOURCES}|${PKGUTIL}|try:\n${PKG_RESOURCES}\nexcept(?: \w+)?:\n(?:${PKGUTIL}|pass))?\n?$`);
