/**
 * Replaces Lucide's icons (`@lucide/svelte/icons/<name>`) by a single path each, drawn by a component of our own.
 * Lucide's component takes any attribute and builds any shape at run time, which costs more than all icons together.
 */

import { readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Plugin } from "vite";

export type Shape = [tag: string, attributes: Record<string, string>];

const FOLDER = "@lucide/svelte/icons/";
const PREFIX = "\0icon:";
const MAKER = fileURLToPath(new URL("../src/design/icon.ts", import.meta.url));

/** Reads the shapes of an icon from Lucide's module. */
export function shapesOf(module: string): Shape[] {
  const [, component = ""] = /from "(\.\/[a-z0-9-]+\.svelte)"/.exec(readFileSync(module, "utf8")) ?? [];
  const source = readFileSync(new URL(component, pathToFileURL(module)), "utf8");
  const [, data] = /^const iconData = (\{.*\});$/m.exec(source) ?? [];
  if (data === undefined) throw new Error(`Lucide's ${module} is not made as it was`);
  return (JSON.parse(data) as { node: Shape[] }).node;
}

/** Combines the shapes into one path. */
export function pathOf(shapes: readonly Shape[]): string {
  return shapes.map(outlineOf).join("");
}

function outlineOf([tag, attributes]: Shape): string {
  const of = (name: string): number => Number(attributes[name] ?? 0);
  // A path's initial relative move is absolute, but behind another path it would count from that path's end.
  if (tag === "path") return attributes["d"]!.replace(/^m/, "M0 0m");
  if (tag === "line") return `M${of("x1")} ${of("y1")}L${of("x2")} ${of("y2")}`;
  if (tag === "polyline") return `M${attributes["points"]}`;
  if (tag === "polygon") return `M${attributes["points"]}z`;
  if (tag === "circle") return round(of("cx"), of("cy"), of("r"), of("r"));
  if (tag === "ellipse") return round(of("cx"), of("cy"), of("rx"), of("ry"));
  if (tag === "rect") return box(of("x"), of("y"), of("width"), of("height"), of("rx") || of("ry"));
  throw new Error(`Lucide has a shape that is not known here: ${tag}`);
}

function round(x: number, y: number, rx: number, ry: number): string {
  return `M${x - rx} ${y}a${rx} ${ry} 0 1 0 ${2 * rx} 0a${rx} ${ry} 0 1 0 ${-2 * rx} 0`;
}

function box(x: number, y: number, width: number, height: number, r: number): string {
  const corner = (dx: number, dy: number): string => (r === 0 ? "" : `a${r} ${r} 0 0 1 ${dx * r} ${dy * r}`);
  const [h, v] = [width - 2 * r, height - 2 * r];
  return `M${x + r} ${y}h${h}${corner(1, 1)}v${v}${corner(-1, 1)}h${-h}${corner(-1, -1)}v${-v}${corner(1, -1)}z`;
}

export function icons(): Plugin {
  return {
    name: "icons",
    enforce: "pre",
    async resolveId(id, importer) {
      if (!id.startsWith(FOLDER)) return undefined;
      const found = await this.resolve(id, importer, { skipSelf: true });
      return found && PREFIX + found.id;
    },
    load(id) {
      if (!id.startsWith(PREFIX)) return undefined;
      const path = pathOf(shapesOf(id.slice(PREFIX.length)));
      return `import { icon } from ${JSON.stringify(MAKER)};\nexport default icon(${JSON.stringify(path)});`;
    },
  };
}
