/** Reduces Unicode's emoji data to what the client needs, a tenth of the size: `virtual:emoji`. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Plugin } from "vite";

const NAME = "virtual:emoji";
const RESOLVED = `\0${NAME}`;
/** Newest emoji version included; most devices show later ones as boxes. */
const NEWEST = 15.1;
/** Group of components, which are only parts of other emoji. */
const COMPONENTS = 2;

interface Entry {
  emoji: string;
  label: string;
  tags?: string[];
  group?: number;
  order?: number;
  version: number;
}

function compact(): string[] {
  const path = createRequire(import.meta.url).resolve("emojibase-data/en/data.json");
  const entries = JSON.parse(readFileSync(path, "utf8")) as Entry[];
  const groups = new Map<number, string[]>();
  const wanted = entries.filter(
    ({ group, version }) => group !== undefined && group !== COMPONENTS && version <= NEWEST,
  );
  for (const entry of wanted.sort((a, b) => (a.order ?? 0) - (b.order ?? 0))) {
    const { emoji, label, tags = [], group = 0 } = entry;
    groups.set(group, [...(groups.get(group) ?? []), `${emoji}\t${label}\t${tags.join(" ")}`]);
  }
  return [...groups].sort(([a], [b]) => a - b).map(([, lines]) => lines.join("\n"));
}

export function emoji(): Plugin {
  return {
    name: "emoji",
    resolveId: (id) => (id === NAME ? RESOLVED : undefined),
    load: (id) => (id === RESOLVED ? `export default ${JSON.stringify(compact())};` : undefined),
  };
}
