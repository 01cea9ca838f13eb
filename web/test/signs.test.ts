/** The signs: each is one path, made at build time of its makers' shapes. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pathOf, shapesOf } from "../scripts/icons.js";
import { scene } from "./support/scene.js";

const SOURCES = fileURLToPath(new URL("../../src", import.meta.url));
/** In units of the signs, which have 24 of them each way. */
const NEAR = 0.05;
/** What browsers measure alike, alone and as a part; of boxes and circles they only guess how long they are. */
const MEASURED = ["path", "line", "polyline"];

/** The modules of all signs that are used anywhere. */
function used(): string[] {
  const files = readdirSync(SOURCES, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.(svelte|ts)$/.test(name),
  );
  const texts = files.map((name) => readFileSync(join(SOURCES, name), "utf8"));
  return [...new Set(texts.flatMap((text) => text.match(/@lucide\/svelte\/icons\/[a-z0-9-]+/g) ?? []))];
}

scene("every sign is drawn where its makers drew it", async ({ plainPage }) => {
  const signs = used().map((module) => {
    const shapes = shapesOf(fileURLToPath(import.meta.resolve(module)));
    return { module, shapes, path: pathOf(shapes) };
  });
  assert.ok(signs.length > 40, `${signs.length} signs`);
  const page = await plainPage();
  for (const { module, shapes, path } of signs) {
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
