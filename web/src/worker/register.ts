/** Has the browser keep the client's own files, so that it is there without a network: `worker.ts`. */

interface Policies {
  createPolicy(name: string, rules: { createScriptURL(): string }): { createScriptURL(url: string): string };
}

const PATH = "/worker.js";
/** What is on the screen comes first. */
const AFTER_MS = 2000;

/** Where there is something to keep and a browser that does: on pages that came by TLS or from this machine. */
export function keepClient(): void {
  if (!import.meta.env.PROD || navigator.serviceWorker === undefined) return;
  const { trustedTypes } = globalThis as { trustedTypes?: Policies };
  // The page's policy names it. It makes this one address and no other.
  const policy = trustedTypes?.createPolicy("chatserver-worker", { createScriptURL: () => PATH });
  const url = policy?.createScriptURL(PATH) ?? PATH;
  // Where it fails, all is as it was without.
  const register = () => navigator.serviceWorker.register(url, { updateViaCache: "none" }).catch(() => undefined);
  addEventListener("load", () => void setTimeout(register, AFTER_MS), { once: true });
}
