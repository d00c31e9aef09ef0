// The page without a network: its files are kept as they come, and asked for at the host first. A page with a model
// lies at the root of its folder as sw.js. What is large and never changes, the model, the page keeps by itself.
// It also says what lets a page use several threads, where the host does not: nothing of another site may come in.

const CACHE = "tokendial-page";
const LARGE = /\.(onnx|safetensors|packed)$/;
const ISOLATED = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/** @type {any} no types of service workers are read with the page's */
const worker = self;

/** What a first visit without a network needs: files.json says it. */
async function fill() {
  const files = await (await fetch("files.json")).json();
  const cache = await caches.open(CACHE);
  await cache.addAll(files);
}

/** @param {Response} reply */
function isolated(reply) {
  if (!reply.ok || reply.type !== "basic") return reply;
  const headers = new Headers(reply.headers);
  for (const [name, value] of Object.entries(ISOLATED)) if (!headers.has(name)) headers.set(name, value);
  return new Response(reply.body, { status: reply.status, statusText: reply.statusText, headers });
}

/**
 * Keep a file for later; a full disk does no harm.
 * @param {Request} request
 * @param {Response} reply
 */
async function keep(request, reply) {
  const cache = await caches.open(CACHE).catch(() => null);
  await cache?.put(new URL(request.url).pathname, reply).catch(() => {});
}

/**
 * The host's answer, else the one that was kept.
 * @param {Request} request
 * @param {(work: Promise<unknown>) => void} outlive
 */
async function answer(request, outlive) {
  const { pathname } = new URL(request.url);
  const reply = await fetch(request).catch(() => null);
  if (reply?.ok && reply.status === 200 && !LARGE.test(pathname)) outlive(keep(request, reply.clone()));
  const found = reply ?? (await caches.match(pathname, { cacheName: CACHE })) ?? Response.error();
  return isolated(found);
}

worker.addEventListener("install", (/** @type {any} */ event) => {
  event.waitUntil(fill().then(() => worker.skipWaiting()));
});
worker.addEventListener("activate", (/** @type {any} */ event) => {
  event.waitUntil(worker.clients.claim());
});
worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  const ours = new URL(request.url).origin === worker.location.origin;
  if (ours && request.method === "GET") {
    event.respondWith(answer(request, (work) => event.waitUntil(work)));
  }
});
