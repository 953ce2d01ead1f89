import { fail } from "../../model/index.ts";

/**
 * A text as one line of a unit file that means itself: `%` is doubled. For settings that take the rest of the line, quotes and blanks included.
 * @throws CaissonError `name-invalid` for what no line can hold
 */
export function settingText(text: string): string {
  if (/\p{Cc}/u.test(text)) fail({ code: "name-invalid", message: `\`${text.replaceAll(/\p{Cc}/gu, "?")}\` has a control character, which no systemd unit can hold` });
  // A line's last backslash would join it with the next one; a first or last blank would be cut off.
  if (/^\s|[\s\\]$/.test(text)) fail({ code: "name-invalid", message: `\`${text}\` cannot stand in a systemd unit: it begins or ends with a blank, or ends with a backslash` });
  return text.replaceAll("%", "%%");
}

/** One of several words on a line, for settings that take words. */
export function settingWord(text: string): string {
  return `"${settingText(text).replaceAll(/[\\"]/g, "\\$&")}"`;
}

/** A word of `ExecStart=`, where `$` means something too. */
export function commandWord(text: string): string {
  return settingWord(text).replaceAll("$", "$$$$");
}
