/** The lines of a text. Pure. */

/** Removes empty lines, and white space around the others. */
export function withoutEmptyLines(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "").join("\n");
}
