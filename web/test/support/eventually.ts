/** Waiting for what is to come about, in place of sleeping. */

export const PATIENCE_MS = 20_000;

/** Tries again until it no longer throws; what it threw last is what is wrong. */
export async function eventually<T>(check: () => T | Promise<T>, patienceMs = PATIENCE_MS): Promise<T> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
