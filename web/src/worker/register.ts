/** Registers `worker.ts`, with which the client works without a network. */

interface Policies {
  createPolicy(name: string, rules: { createScriptURL(): string }): { createScriptURL(url: string): string };
}

const PATH = "/worker.js";
/** Delay that lets the page load first. */
const AFTER_MS = 2000;

/** Registers the worker in production, where browsers allow it: on pages loaded over TLS or from localhost. */
export function registerWorker(): void {
  if (!import.meta.env.PROD || navigator.serviceWorker === undefined) return;
  const { trustedTypes } = globalThis as { trustedTypes?: Policies };
  // The page's policy allows only this trusted-types policy, which creates this one URL.
  const policy = trustedTypes?.createPolicy("chatserver-worker", { createScriptURL: () => PATH });
  const url = policy?.createScriptURL(PATH) ?? PATH;
  // Without the worker the client works as before.
  const register = () => navigator.serviceWorker.register(url, { updateViaCache: "none" }).catch(() => undefined);
  addEventListener("load", () => void setTimeout(register, AFTER_MS), { once: true });
}
