/** axe's findings on a screen. */

import type { AxeResults } from "axe-core";
import axe from "axe-core";
import type { Frame } from "playwright-core";
import type { Screen } from "./screen.js";

/** Returns a line for each finding: rule, problem and place. Each frame has to be checked separately. */
export async function findings({ page }: Screen, frame: Frame = page.mainFrame()): Promise<string[]> {
  // Injected through the debugger, which the page's policy does not block.
  await frame.evaluate(axe.source);
  const results = await frame.evaluate(() => {
    const { axe } = window as unknown as { axe: { run: (where: Document, how: object) => Promise<AxeResults> } };
    return axe.run(document, { iframes: false });
  });
  return results.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary = "" }) => `${id}: ${help}: ${target.join(" ")}: ${failureSummary}`),
  );
}
