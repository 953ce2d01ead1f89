import { normalizeName } from "../../model/index.ts";
import { parseRequirement } from "../../python/version/index.ts";
import { pipName, type Turret } from "./turret.ts";

/** The distribution that starts a Python turret. */
const PROGRAM = "oct-turrets";

/**
 * The setup.py by which pip installs a turret: what it needs, and nothing of its own. Row O6: with both lists empty no setuptools looks for modules by itself,
 * so that no folder of an archive becomes a top-level module, or stands in the way.
 */
export function printSetup(turret: Turret, version: string): string {
  return `from setuptools import setup

setup(
    name=${pythonText(pipName(turret.name))},
    version=${pythonText(version)},
    packages=[],
    py_modules=[],
    install_requires=[
${withProgram(turret.requirements).map((text) => `        ${pythonText(text)},\n`).join("")}    ],
)
`;
}

/** What a turret asks of pip: its own requirements, then the turret program, which they may pin. */
function withProgram(requirements: readonly string[]): readonly string[] {
  const named = requirements.some((text) => normalizeName(parseRequirement(text).name) === PROGRAM);
  return named ? requirements : [...requirements, PROGRAM];
}

/**
 * What a turret's own environment holds besides: from 3.12 on Python lacks a module that the turret program imports, and a maintained copy of it is on the index.
 */
export function withStandIn(requirements: readonly string[]): readonly string[] {
  return [...withProgram(requirements), 'zombie-imp; python_version >= "3.12"'];
}

/** A text as every Python reads it back. */
function pythonText(text: string): string {
  const escaped = Array.from(text, (letter) => {
    const code = letter.codePointAt(0) ?? 0;
    if (letter === '"' || letter === "\\") return `\\${letter}`;
    if (code >= 0x20 && code < 0x7f) return letter;
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
  return `"${escaped.join("")}"`;
}
