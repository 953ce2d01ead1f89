import { posix } from "node:path";
import { CaissonError, printKeyPath, shapes, type KeyPath, type Mismatch, type Shape } from "../../model/index.ts";
import { parseRequirement } from "../../python/version/index.ts";

const { boolean, list, text } = shapes;

/** A table with whatever keys. */
export const anyTable: Shape<Readonly<Record<string, unknown>>> = custom("table", "a table", (value): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null && !Array.isArray(value));

const anything = custom("table", "a value", (value): value is unknown => value !== undefined);

const seconds = custom("integer", "a number of seconds, 0 or more", (value): value is number => typeof value === "number" && value >= 0);

const count = custom("integer", "a whole number, 1 or more", (value): value is number => Number.isInteger(value) && Number(value) >= 1);

const port = custom("integer", "a port, 1 to 65535", (value): value is number => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65_535);

const address = text("a host's name or address", (word) => /^[^\s/]+$/.test(word));

const requirements = list(text("a requirement: NAME, NAME>=1.0 or NAME @ URL", isRequirement), "a list of requirements");

/**
 * A turret's name becomes the name of a file, and pip knows the turret by it: a slash or a dot at its start would put the file elsewhere,
 * and pip needs a letter or digit in it.
 */
const name = text("a name for a file: letters, digits, blanks and signs, without `/`, and not beginning with `.` or `-`", (word) => word === word.trim() && Buffer.byteLength(word) <= 200 && !/[\p{C}/\u2028\u2029]/u.test(word) && !/^[.-]/.test(word) && /[A-Za-z0-9]/.test(word));

const script = text("the path of a file in the project", (word) => word !== "" && !word.includes("\0") && !word.endsWith("/") && posix.normalize(word) !== ".");

const files = list(text("a path", (word) => word !== "" && !word.includes("\0")), "a list of paths");

/** `["node", "main.js"]`; as one text, words without quotes. */
const command: Shape<readonly string[]> = {
  kind: "list", expected: "a list of words",
  read: (value, at, report) => (typeof value === "string" && !/["'\\]/.test(value) ? words.read(value.split(/\s+/).filter((word) => word !== ""), at, report) : words.read(value, at, report)),
};

const words = custom("list", "a command as a list of words, [\"node\", \"main.js\"]", (value): value is readonly string[] => Array.isArray(value) && value.length > 0 && value[0] !== "" && value.every((word) => typeof word === "string" && !word.includes("\0")));

/** What a project must say at its top, in the order in which it is asked for. */
export const requiredKeys: Readonly<Record<string, Shape<unknown>>> = { run_time: seconds, results_ts_interval: seconds, testing: boolean(), progress_bar: boolean(), turrets: list(anything, "a list of turrets") };

/** What it may leave out, with what is taken then; in the order in which it is warned of. */
export const optionalKeys: Readonly<Record<string, unknown>> = { hq_address: "127.0.0.1", publish_port: 5000, rc_port: 5001 };

/** What a turret's table may say to us; everything else is for the turret program. */
export const turretKeys: Readonly<Record<string, Shape<unknown>>> = {
  name, script, command, cannons: count, rampup: seconds, hq_address: address, hq_publisher: port, hq_rc: port, turrets_requirements: requirements, extra_files: files,
};

function custom<Value>(kind: Shape<Value>["kind"], expected: string, fits: (value: unknown) => value is Value): Shape<Value> {
  return {
    kind, expected,
    read: (value: unknown, at: KeyPath, report: (mismatch: Mismatch) => void) => {
      if (fits(value)) return value;
      const shown = ["string", "number", "boolean"].includes(typeof value) ? `\`${String(value)}\`` : value === null ? "null" : Array.isArray(value) ? "a list" : "a table";
      report({ at, message: `\`${printKeyPath(at)}\` is ${shown}`, hint: `expected ${expected}` });
      return undefined;
    },
  };
}

function isRequirement(word: string): boolean {
  try {
    return !/[\r\n]/.test(word) && parseRequirement(word.trim()).name !== "";
  } catch (error) {
    if (error instanceof CaissonError) return false;
    throw error;
  }
}
