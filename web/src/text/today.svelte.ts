/** Which day it is, for what is drawn again when another one begins. Of the device. */

import { dayOf } from "./time.js";

/** Longest wait: a computer that slept may have missed midnight. */
const LOOK_MS = 60_000;

class Today {
  /** Some time of this day. */
  date = $state.raw(new Date());

  constructor() {
    setInterval(() => {
      const now = new Date();
      if (dayOf(now) !== dayOf(this.date)) this.date = now;
    }, LOOK_MS);
  }
}

export const today = new Today();
