/** What axe has to say against a screen. */

import type { AxeResults } from "axe-core";
import axe from "axe-core";
import type { Screen } from "./screen.js";

/** A line for each finding: the rule, what is wrong, and where. */
export async function findings({ page }: Screen): Promise<string[]> {
  // By the debugger's way in, which the page's policy does not close.
  await page.evaluate(axe.source);
  const results = await page.evaluate(() => {
    const { axe } = window as unknown as { axe: { run: (where: Document) => Promise<AxeResults> } };
    return axe.run(document);
  });
  return results.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary = "" }) => `${id}: ${help}: ${target.join(" ")}: ${failureSummary}`),
  );
}
