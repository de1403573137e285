// Keeps the shell of the application, so that it opens without a connection. Nothing about a session or
// a position is ever kept: requests to the API and to other hosts do not pass through here at all.
/* global self, caches */
const SHELL = __SHELL__;
const CACHE = `shell-${__VERSION__}`;

self.addEventListener("install", (event) => {
  // Where the browser can, past this worker: what a page asks while it goes is lost on the way through it.
  event.addRoutes?.({ condition: { urlPattern: "/api/*" }, source: "network" });
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(SHELL))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  const dropOldShells = async () => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(dropOldShells());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (request.mode === "navigate") event.respondWith(fromNetworkFirst(request));
  else if (pathname.startsWith("/assets/")) event.respondWith(fromCacheFirst(request));
});

// Whatever an answer varies by (its compression, for one), what is kept is what this browser was given.
const inCache = (request) => caches.match(request, { ignoreVary: true });

// A network that is there and never answers must not keep the page from opening.
const PATIENCE_MS = 3000;

async function fromNetworkFirst(request) {
  const answer = fetch(request);
  const cached = await inCache("/");
  if (!cached) return answer;
  const impatience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, cached));
  return Promise.race([answer.catch(() => cached), impatience]);
}

// Names of assets change with their content, so what is in the cache is right for ever.
async function fromCacheFirst(request) {
  const cached = await inCache(request);
  if (cached) return cached;
  const response = await fetch(request);
  if (response.ok) {
    const cache = await caches.open(CACHE);
    await cache.put(request, response.clone());
  }
  return response;
}
