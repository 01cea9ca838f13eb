/**
 * Answers for the server where it is not heard, so that the client is there without a network: with its page and the files
 * that it is made of. Every release has a worker of its own, which keeps the files of that release alone. All other requests
 * go their way untouched: nothing that people write or read comes in here.
 */

declare const self: ServiceWorkerGlobalScope;
/** Put in by the build: what the release is called, and the paths of all its files but the page. */
declare const RELEASE: string;
declare const FILES: readonly string[];

const PAGE = "/";
const PREFIX = "chatserver-client-";
const OURS: CacheQueryOptions & { cacheName: string } = { cacheName: PREFIX + RELEASE, ignoreVary: true };
/** A server that takes longer is asked by the page itself, which says so. */
const PATIENCE_MS = 3000;

self.addEventListener("install", (event) => event.waitUntil(keep()));
self.addEventListener("activate", (event) => event.waitUntil(takeOver()));
self.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== self.location.origin) return;
  if (mode === "navigate" && pathname === PAGE) event.respondWith(page(event.request));
  else if (mode !== "navigate" && FILES.includes(pathname)) event.respondWith(file(event.request));
});

/** All of the release or nothing; tried again with the next visit. */
async function keep(): Promise<void> {
  const page = await fetch(PAGE);
  const named = [...(await page.clone().text()).matchAll(/"(\/assets\/[^"]+)"/g)].map(([, path]) => path!);
  const isOurs = page.ok && !page.redirected && named.length > 0 && named.every((path) => FILES.includes(path));
  // Nodes of several releases may stand behind one address.
  if (!isOurs) throw new Error("The page is another release's");
  const cache = await caches.open(OURS.cacheName);
  await cache.addAll(FILES);
  await cache.put(PAGE, page);
  if (await isAlone()) await self.skipWaiting();
}

/** Whether no other page of the client may need the files of a former release; the one that is there has just come. */
async function isAlone(): Promise<boolean> {
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  return windows.filter(({ url }) => new URL(url).pathname === PAGE).length <= 1;
}

/** Former releases are gone from here on. */
async function takeOver(): Promise<void> {
  const names = await caches.keys();
  const former = names.filter((name) => name.startsWith(PREFIX) && name !== OURS.cacheName);
  await Promise.all(former.map((name) => caches.delete(name)));
  await self.clients.claim();
}

/** The server's page, so that a new release shows at once; the one that is kept, if there is no answer. */
async function page(request: Request): Promise<Response> {
  const kept = await caches.match(PAGE, OURS);
  if (kept === undefined) return fetch(request);
  const asked = fetch(request).then(
    (answer) => (answer.status < 500 ? answer : kept),
    () => kept,
  );
  const late = new Promise<Response>((resolve) => setTimeout(() => resolve(kept), PATIENCE_MS));
  return Promise.race([asked, late]);
}

async function file(request: Request): Promise<Response> {
  return (await caches.match(request, OURS)) ?? fetch(request);
}

// A module to the compiler alone, which then knows `self` by the name above.
export {};
