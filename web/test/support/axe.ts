/** What axe has to say against a screen. */

import type { AxeResults } from "axe-core";
import axe from "axe-core";
import type { Frame } from "playwright-core";
import type { Screen } from "./screen.js";

/** A line for each finding: the rule, what is wrong, and where. Frames are asked each by itself. */
export async function findings({ page }: Screen, frame: Frame = page.mainFrame()): Promise<string[]> {
  // By the debugger's way in, which the page's policy does not close.
  await frame.evaluate(axe.source);
  const results = await frame.evaluate(() => {
    const { axe } = window as unknown as { axe: { run: (where: Document, how: object) => Promise<AxeResults> } };
    return axe.run(document, { iframes: false });
  });
  return results.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary = "" }) => `${id}: ${help}: ${target.join(" ")}: ${failureSummary}`),
  );
}
