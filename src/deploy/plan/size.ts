const UNITS = ["B", "kB", "MB", "GB"];

/** A number of bytes for people: `512 B`, `11 kB`, `1.9 MB`; thousands, as disks and networks count. */
export function printSize(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 999.5 && unit < UNITS.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${unit > 0 && size < 9.95 ? size.toFixed(1) : Math.round(size)} ${UNITS[unit]}`;
}
