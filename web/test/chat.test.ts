/** Tom and Jerry, each with a screen of their own. */

import { JERRY, TOM } from "./support/people.js";
import { scene } from "./support/scene.js";

/** Longest delay that people perceive as instant. Printed for information, since a busy machine may take longer. */
const AT_ONCE_MS = 200;

scene("what Tom writes appears on Jerry's screen at once", async ({ enter }) => {
  const [tom, jerry] = [await enter("tom"), await enter("jerry")];
  await tom.openUser(JERRY);
  await jerry.openUser(TOM);
  await tom.send("Is there cheese?");
  await Promise.all([tom.sees("Is there cheese?"), jerry.sees("Is there cheese?")]);

  const took: number[] = [];
  for (let number = 1; number <= 10; number += 1) {
    const text = `Cheese number ${number}`;
    await tom.composer.fill(text);
    const seen = jerry.message(text).waitFor();
    const began = performance.now();
    await tom.composer.press("Enter");
    await seen;
    took.push(performance.now() - began);
  }
  await jerry.sees("Cheese number 10");
  const [middle, longest] = [took.toSorted((a, b) => a - b)[5]!, Math.max(...took)].map(Math.round);
  console.log(
    `From Enter to the other's screen: ${middle} ms in the middle, ${longest} ms at most (wanted: ${AT_ONCE_MS})`,
  );
});

scene("both may write at the same time, and both see one order", async ({ enter, newPerson }) => {
  const [nibbles, spike] = [await newPerson("nibbles"), await newPerson("spike")];
  const [first, second] = [await enter(nibbles), await enter(spike)];
  await first.openUser(spike.id);
  await second.openUser(nibbles.id);
  await Promise.all([first.send("from Nibbles"), second.send("from Spike")]);
  for (const screen of [first, second]) {
    await screen.sees("from Nibbles");
    await screen.sees("from Spike");
  }
});
