/** Finds mentions in a text. */

export interface Mention {
  user: number | "all";
  /** Its length in the text, including the `@`. */
  length: number;
}

/** Returns the mention that the `@` at `at` begins, if it begins one. */
export type MentionAt = (text: string, at: number) => Mention | undefined;

/** Words that mention all members, even if a user has such a name. */
export const EVERYBODY = ["all", "everyone"];
const WORD = /[\p{L}\p{N}_]/u;

/** Makes a function that finds the mentions of a message by the users' names. */
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

export const noMentions: MentionAt = () => undefined;
