/** The lines of a text. Pure. */

/** Without empty lines, and without spaces around the others. */
export function withoutEmptyLines(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "").join("\n");
}
