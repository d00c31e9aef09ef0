// The model in a worker of its own, so that the page never waits for it. Messages in: [number, what, ...]; out:
// [number, answer], and ["came", bytes] while the model is fetched.
import { Answers } from "./answers.js";
import { bring } from "./bring.js";
import { Line } from "./line.js";
import { Model } from "./manifest.js";
import { base64, Photo, packed } from "./photo.js";
import { Studio } from "./studio.js";
import { Tokenizer } from "./tokenizer.js";

/** @type {Answers | null} */
let answers = null;
/** @type {any} onnxruntime-web */
let runtime = null;
/** @type {Map<string, any>} by graph */
const sessions = new Map();
/** @type {Map<string, { bytes: Uint8Array<ArrayBuffer>, kept: boolean }>} by path, while graphs are made of them */
const files = new Map();

const channel = new MessageChannel();
/** @type {(() => void)[]} */
const resting = [];
channel.port1.onmessage = () => resting.shift()?.();
/** Let messages in. A timer would wait longer. */
const pause = () =>
  new Promise((/** @type {(value?: unknown) => void} */ go) => {
    resting.push(go);
    channel.port2.postMessage(0);
  });

const line = new Line((question, breathe) => {
  if (!answers) throw new Error("The model is not here yet.");
  return answers.answer(question, breathe);
}, pause);

/**
 * Fetch what some graphs need, and make them ready.
 * @param {object} wanted
 * @param {import("./manifest.js").Manifest} wanted.told
 * @param {string} wanted.folder
 * @param {string[]} wanted.names
 * @param {string} wanted.root the page's folder
 * @param {number} wanted.threads
 * @returns {Promise<{ kept: boolean }>} whether all of it is there for the next visit
 */
async function load({ told, folder, names, root, threads }) {
  const base = new URL(root);
  const model = new Model(told, folder);
  const lacking = names.filter((name) => !sessions.has(name));
  const needed = model.filesOf(lacking, !runtime);
  for (const file of needed) {
    if (files.has(file.path)) continue;
    files.set(file.path, await bring(file, base, (bytes) => postMessage(["came", bytes])));
  }
  runtime ??= await start(model, base, threads);
  for (const name of lacking) sessions.set(name, await session(model, name));
  const graphs = Object.fromEntries(sessions);
  if (answers) answers.studio.world.model.sessions = graphs;
  else {
    const tokenizer = new Tokenizer(runtime.Tensor, model.shape, graphs);
    const world = { info: model.info, model: tokenizer, open: Photo.open, packed, base64 };
    answers = new Answers(new Studio(world));
  }
  const kept = [...files.values()].every((file) => file.kept);
  files.clear();
  return { kept };
}

/**
 * A file's bytes out of gzip.
 * @param {string} path
 */
async function unpacked(path) {
  const { bytes } = /** @type {{ bytes: Uint8Array<ArrayBuffer> }} */ (files.get(path));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/**
 * @param {Model} model
 * @param {URL} base
 * @param {number} threads
 */
async function start(model, base, threads) {
  const found = await import(new URL(model.runtime.script, base).href);
  found.env.wasm.numThreads = self.crossOriginIsolated ? threads : 1;
  found.env.wasm.wasmBinary = await unpacked(model.runtime.binary.path);
  return found;
}

/**
 * A graph, ready to run. Its weights are parts of the checkpoint's own files.
 * @param {Model} model
 * @param {string} name
 */
async function session(model, name) {
  const { graph, weights } = model.graph(name);
  const bytes = (/** @type {import("./bring.js").ModelFile} */ file) => files.get(file.path)?.bytes;
  return runtime.InferenceSession.create(bytes(graph), {
    executionProviders: ["wasm"],
    externalData: weights.map((file) => ({ path: file.path.split("/").at(-1), data: bytes(file) })),
    logSeverityLevel: 3,
  });
}

self.addEventListener("message", async ({ data: [number, what, told] }) => {
  if (what === "ask") return postMessage([number, await line.ask(told)]);
  const got = await load(told).catch((why) => ({ error: why.message }));
  postMessage([number, got]);
});
