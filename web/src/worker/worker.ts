/**
 * Serves the client's page and files when the server does not respond, so that the client starts without a network.
 * Each release has its own worker, which caches only that release's files. All other requests pass unchanged: nothing
 * that users write or read goes through here.
 */

declare const self: ServiceWorkerGlobalScope;
/** Set by the build: the release's name, and the paths of all its files except the page. */
declare const RELEASE: string;
declare const FILES: readonly string[];

const PAGE = "/";
const PREFIX = "chatserver-client-";
const OWN_CACHE: CacheQueryOptions & { cacheName: string } = { cacheName: PREFIX + RELEASE, ignoreVary: true };
/** Time after which a navigation gets the cached page. The page then reports by itself that the server is away. */
const TIMEOUT_MS = 3000;

self.addEventListener("install", (event) => event.waitUntil(fillCache()));
self.addEventListener("activate", (event) => event.waitUntil(takeOver()));
self.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== self.location.origin) return;
  if (mode === "navigate" && pathname === PAGE) event.respondWith(page(event.request));
  else if (mode !== "navigate" && FILES.includes(pathname)) event.respondWith(file(event.request));
});

/** Caches the whole release or nothing. The next visit tries again. */
async function fillCache(): Promise<void> {
  const page = await fetch(PAGE);
  const named = [...(await page.clone().text()).matchAll(/"(\/assets\/[^"]+)"/g)].map(([, path]) => path!);
  const isOurs = page.ok && !page.redirected && named.length > 0 && named.every((path) => FILES.includes(path));
  // Nodes of different releases may share one address.
  if (!isOurs) throw new Error("The page is another release's");
  const cache = await caches.open(OWN_CACHE.cacheName);
  await cache.addAll(FILES);
  await cache.put(PAGE, page);
  if (await isAlone()) await self.skipWaiting();
}

/** Whether no other page of the client is open that may need an earlier release's files. The present one is new. */
async function isAlone(): Promise<boolean> {
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  return windows.filter(({ url }) => new URL(url).pathname === PAGE).length <= 1;
}

/** Deletes the caches of earlier releases. */
async function takeOver(): Promise<void> {
  const names = await caches.keys();
  const former = names.filter((name) => name.startsWith(PREFIX) && name !== OWN_CACHE.cacheName);
  await Promise.all(former.map((name) => caches.delete(name)));
  await self.clients.claim();
}

/** Returns the server's page, so that a new release appears at once, or the cached one if there is no answer. */
async function page(request: Request): Promise<Response> {
  const kept = await caches.match(PAGE, OWN_CACHE);
  if (kept === undefined) return fetch(request);
  const asked = fetch(request).then(
    (answer) => (answer.status < 500 ? answer : kept),
    () => kept,
  );
  const late = new Promise<Response>((resolve) => setTimeout(() => resolve(kept), TIMEOUT_MS));
  return Promise.race([asked, late]);
}

async function file(request: Request): Promise<Response> {
  return (await caches.match(request, OWN_CACHE)) ?? fetch(request);
}

// Makes this a module, so that the compiler accepts the declaration of `self`.
export {};
