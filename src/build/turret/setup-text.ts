/**
 * The requirements that a `setup.py` names, where it names them as a plain list of texts, as the original's always does; undefined where only running it would tell.
 * Without comments: none of the original's has one.
 */
export function readInstallRequires(setup: string): readonly string[] | undefined {
  const list = /\binstall_requires\s*=\s*\[(?<items>(?:\s*(?:'[^'\\\n]*'|"[^"\\\n]*")\s*(?:,|(?=\s*\])))*)\s*\]/.exec(setup)?.groups?.["items"];
  if (list === undefined) return /\binstall_requires\b/.test(setup) ? undefined : [];
  return [...list.matchAll(/'(?<single>[^'\\\n]*)'|"(?<double>[^"\\\n]*)"/g)].map(({ groups }) => (groups?.["single"] ?? groups?.["double"] ?? "").trim());
}
