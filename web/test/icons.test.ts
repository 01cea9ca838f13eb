/** The icons: each is one path, generated at build time from Lucide's shapes. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pathOf, shapesOf } from "../scripts/icons.js";
import { scene } from "./support/scene.js";

const SOURCES = fileURLToPath(new URL("../../src", import.meta.url));
/** Tolerance in units of the icons, which are 24 units wide and high. */
const NEAR = 0.05;
/** Elements whose length browsers measure exactly, alone or as part of a path. For boxes and circles they estimate. */
const MEASURED = ["path", "line", "polyline"];

/** Returns the modules of all icons in use. */
function used(): string[] {
  const files = readdirSync(SOURCES, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.(svelte|ts)$/.test(name),
  );
  const texts = files.map((name) => readFileSync(join(SOURCES, name), "utf8"));
  return [...new Set(texts.flatMap((text) => text.match(/@lucide\/svelte\/icons\/[a-z0-9-]+/g) ?? []))];
}

scene("every icon is drawn where the original is", async ({ plainPage }) => {
  const icons = used().map((module) => {
    const shapes = shapesOf(fileURLToPath(import.meta.resolve(module)));
    return { module, shapes, path: pathOf(shapes) };
  });
  assert.ok(icons.length > 40, `${icons.length} icons`);
  const page = await plainPage();
  for (const { module, shapes, path } of icons) {
    const [theirs, ours] = await page.evaluate(
      (drawings) =>
        drawings.map((drawn) => {
          const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
          for (const [tag, attributes] of drawn) {
            const shape = document.createElementNS("http://www.w3.org/2000/svg", tag);
            for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
            svg.append(shape);
          }
          document.body.replaceChildren(svg);
          const all = [...svg.children] as SVGGeometryElement[];
          const boxes = all.map((shape) => shape.getBBox());
          return [
            Math.min(...boxes.map(({ x }) => x)),
            Math.min(...boxes.map(({ y }) => y)),
            Math.max(...boxes.map(({ x, width }) => x + width)),
            Math.max(...boxes.map(({ y, height }) => y + height)),
            all.reduce((length, shape) => length + shape.getTotalLength(), 0),
          ];
        }),
      [shapes, [["path", { d: path }]]] as const,
    );
    const lengths = [theirs!.pop()!, ours!.pop()!] as const;
    theirs!.forEach((value, index) =>
      assert.ok(Math.abs(value - ours![index]!) < NEAR, `${module}: ${theirs} ${ours}`),
    );
    if (!shapes.every(([tag]) => MEASURED.includes(tag))) continue;
    assert.ok(Math.abs(lengths[0] - lengths[1]) < NEAR, `${module}: ${lengths}`);
  }
});
