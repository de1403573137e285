// Caches the shell of the application, so that it opens without a connection. Requests to the API and to other hosts
// do not pass through here, so nothing about a session or a position is cached.
/* global self, caches */
const SHELL = __SHELL__;
const CACHE = `shell-${__VERSION__}`;

self.addEventListener("install", (event) => {
  // Bypasses this worker where the browser supports it: requests of an unloading page would be lost in the worker.
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

// `Vary` is ignored: the cached response is the one that this browser got.
const inCache = (request) => caches.match(request, { ignoreVary: true });

// A network that never answers must not keep the page from opening.
const PATIENCE_MS = 3000;

async function fromNetworkFirst(request) {
  const answer = fetch(request);
  const cached = await inCache("/");
  if (!cached) return answer;
  const impatience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, cached));
  return Promise.race([answer.catch(() => cached), impatience]);
}

// Names of assets change with their content, so a cached asset never expires.
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
