/** Waits for a condition instead of sleeping. */

export const TIMEOUT_MS = 20_000;

/** Retries a check until it no longer throws. After the timeout it throws the last error. */
export async function eventually<T>(check: () => T | Promise<T>, timeoutMs = TIMEOUT_MS): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
