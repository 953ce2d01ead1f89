import { fail } from "../../model/index.ts";
import { normalizeVersion } from "../../python/version/index.ts";

/**
 * A version that pip takes.
 * @throws CaissonError `name-invalid`
 */
export function parseTurretVersion(text: string): string {
  return normalizeVersion(text) === undefined ? fail({ code: "name-invalid", message: `\`${text}\` is no version that pip takes`, hint: "one such as 1.0, 1.0rc1 or 1.0.post1" }) : text;
}
