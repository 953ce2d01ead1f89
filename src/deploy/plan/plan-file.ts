import { fail, isAddress, parseDigest, printCanonicalJson, rootTrouble, shapes, type Digest, type Label, type Mismatch, type PackageName, type Plan, type Shape } from "../../model/index.ts";

const { integer, list, object, oneOf, optional, text } = shapes;

/** A plan as a file: one line of JSON, the same bytes for the same plan. */
export function printPlan(plan: Plan): string {
  return `${printCanonicalJson(plan)}\n`;
}

/**
 * A plan from a file, every word of it checked: its steps are carried out as they are.
 * @throws CaissonError `config-invalid`
 */
export function parsePlan(file: string, content: string): Plan {
  const found: Mismatch[] = [];
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (error) {
    return fail({ code: "config-invalid", message: "this is not a plan", file, hint: "caisson deploy --plan-out FILE writes one" }, error);
  }
  const plan = planShape.read(value, [], (mismatch) => found.push(mismatch));
  const [first] = found;
  if (first !== undefined || plan === undefined) return fail({ code: "config-invalid", message: first?.message ?? "this is not a plan", file, hint: first?.hint ?? "plan again: caisson deploy --plan-out FILE" });
  return plan as Plan;
}

const line = text("one line", (word) => !/\p{Cc}/u.test(word));
const digest: Shape<Digest> = text("a SHA-256 digest", (word) => parseDigest(word) !== undefined);
const label: Shape<Label> = text("a label", (word) => /^[A-Za-z0-9][A-Za-z0-9._+!~-]{0,127}$/.test(word));
const packageName: Shape<PackageName> = text("a package name in normal form", (word) => /^[a-z0-9]+(-[a-z0-9]+)*$/.test(word));
const blob = object({ digest, size: integer(), mediaType: text() });
const health = object({ url: optional(text()), argv: optional(list(text())) });

/** A value that may be null, which no shape of a file people write is. */
function orNull<Value>(shape: Shape<Value>): Shape<Value | null> {
  return { kind: shape.kind, expected: `${shape.expected} or null`, read: (value, at, report) => (value === null ? null : shape.read(value, at, report)) };
}

/** Tables that one key tells apart. */
function byWord(key: string, tables: Readonly<Record<string, Shape<unknown>>>): Shape<unknown> {
  const words = oneOf(...Object.keys(tables));
  return {
    kind: "table",
    expected: `a table whose \`${key}\` is ${words.expected}`,
    read: (value, at, report) => {
      const word = words.read((value as Readonly<Record<string, unknown>> | null | undefined)?.[key], [...at, key], report);
      return word === undefined ? undefined : tables[word]?.read(value, at, report);
    },
  };
}

const service = byWord("kind", {
  none: object({ kind: oneOf("none") }),
  command: object({ kind: oneOf("command"), restart: text(), stop: optional(text()) }),
  systemd: object({ kind: oneOf("systemd"), scope: oneOf("system", "user") }),
});

const words = list(text());
const units = object({
  files: list(object({ name: text("a unit of Caisson's", (word) => /^caisson-[A-Za-z0-9._-]+\.(?:service|socket|timer|target)$/.test(word)), text: text(), package: optional(packageName), process: optional(text()) })),
  user: optional(text()),
  commands: object({ restart: words, stop: words, reset: words, logs: words }),
});

const source = byWord("from", {
  inline: object({ from: oneOf("inline"), text: text() }),
  blob: object({ from: oneOf("blob"), blob: digest }),
  member: object({ from: oneOf("member"), blob: digest, member: text() }),
});

const user = optional(text("a user's name", (word) => /^[a-z_][a-z0-9_-]{0,31}$/.test(word)));
const hookOf = { release: label, package: packageName, hook: object({ at: oneOf("stage", "before-activate", "after-activate", "remove"), argv: words, once: oneOf("host", "stack"), reversible: shapes.boolean(), timeout: integer() }) };

const step = byWord("step", {
  receive: object({ step: oneOf("receive"), blob, source: optional(source), packed: optional(object({ size: integer(), base: optional(object({ path: text(), source })) })) }),
  tree: object({ step: oneOf("tree"), id: digest, document: blob, python: optional(text("a Python, `3.11`", (word) => /^3\.\d+$/.test(word))), like: optional(list(digest)), bytecode: optional(shapes.boolean()), again: optional(shapes.boolean()) }),
  stage: object({ step: oneOf("stage"), release: label, stack: object({ name: packageName, digest }), payloads: list(blob), user, again: optional(shapes.boolean()) }),
  environment: object({ step: oneOf("environment"), packages: list(packageName), names: list(text("a variable's name", (word) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(word))) }),
  hook: object({ step: oneOf("hook"), ...hookOf, user }),
  ran: object({ step: oneOf("ran"), ...hookOf, host: text() }),
  activate: object({ step: oneOf("activate"), release: label, saw: orNull(label), undoAfter: integer(), service, irreversible: optional(list(text())), compare: optional(shapes.boolean()) }),
  units: object({ step: oneOf("units"), release: label, service, units: optional(units) }),
  restart: object({ step: oneOf("restart"), release: label, service, deadline: optional(integer()) }),
  check: object({ step: oneOf("check"), release: label, package: packageName, health, minHealthy: integer(), deadline: integer(), service: optional(service), user }),
  confirm: object({ step: oneOf("confirm"), release: label }),
  undo: object({ step: oneOf("undo"), release: label, detail: optional(text()) }),
  prune: object({ step: oneOf("prune"), keep: integer(), hooks: optional(list(object(hookOf))), user }),
});

const hostPlan = object({
  host: byWord("via", {
    local: object({ name: text(), via: oneOf("local"), address: text("nothing", (word) => word === ""), root: text() }),
    ssh: object({ name: text(), via: oneOf("ssh"), address: text("a host", isAddress), root: text("a directory on that host", (word) => rootTrouble(word) === undefined) }),
  }),
  saw: object({ generation: integer(), current: orNull(label) }),
  from: orNull(label),
  to: orNull(label),
  steps: list(step),
  back: optional(list(step)),
  sendBytes: integer(),
  keptBytes: integer(),
  restarts: list(text()),
  hooks: integer(),
  removes: list(label),
});

const planShape = object({
  schema: oneOf("caisson.plan/1"),
  action: oneOf("deploy", "rollback", "prune", "repair"),
  stack: optional(digest),
  ref: optional(object({ name: packageName, label })),
  target: text(),
  environment: optional(list(text())),
  policy: object({ canary: integer(), maxParallel: integer("a number of hosts, 1 or more", (count) => count >= 1), maxFailed: integer(), minHealthy: integer(), healthyDeadline: integer() }),
  hosts: list(hostPlan),
  exceptions: optional(list(object({ wheel: digest, fileName: line, rule: line, reason: line }))),
});
