/** The current day, as reactive state. Belongs to the device, not to a session. */

import { dayOf } from "./time.js";

/** How often the day is checked: a timer for midnight would fail on a computer that sleeps. */
const CHECK_MS = 60_000;

class Today {
  /** Some time within the current day. */
  date = $state.raw(new Date());

  constructor() {
    setInterval(() => {
      const now = new Date();
      if (dayOf(now) !== dayOf(this.date)) this.date = now;
    }, CHECK_MS);
  }
}

export const today = new Today();
