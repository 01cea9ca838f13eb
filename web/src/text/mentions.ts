/** Where a text calls upon somebody. */

export interface Mention {
  user: number | "all";
  /** Its length in the text, with the `@`. */
  length: number;
}

/** Finds who is meant by the `@` at a place of a text, if anybody. */
export type MentionAt = (text: string, at: number) => Mention | undefined;

/** What calls upon all, whoever is called so as well. */
export const EVERYBODY = ["all", "everyone"];
const WORD = /[\p{L}\p{N}_]/u;

/** Finds those whom a message calls upon, by their names. */
export function mentionsOf(named: readonly { id: number; name: string }[], all: boolean): MentionAt {
  const byName = new Map<string, number | "all">();
  for (const { id, name } of named) byName.set(name.toLowerCase(), id);
  if (all) for (const name of EVERYBODY) byName.set(name, "all");
  const lengths = [...new Set([...byName.keys()].map((name) => name.length))].sort((a, b) => b - a);
  return (text, at) => {
    for (const length of lengths) {
      const user = byName.get(text.slice(at + 1, at + 1 + length).toLowerCase());
      const next = text[at + 1 + length];
      if (user !== undefined && (next === undefined || !WORD.test(next))) return { user, length: length + 1 };
    }
    return undefined;
  };
}

export const nobody: MentionAt = () => undefined;
