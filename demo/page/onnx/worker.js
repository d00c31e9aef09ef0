// The model in a worker of its own, so that the page never waits for it. Messages in: [number, what, ...]; out:
// [number, answer], and ["came", bytes] while the model is fetched.
import { Answers, OWN } from "./answers.js";
import { encoded, opened } from "./canvas.js";
import { Graphs } from "./graphs.js";
import { bringJpeg } from "./jpeg.js";
import { Line, sentenceOf } from "./line.js";
import { Linear } from "./linear.js";
import { Model } from "./manifest.js";
import { Models } from "./models.js";
import { base64, Photo, packed } from "./photo.js";
import { Studio } from "./studio.js";
import { Tokenizer } from "./tokenizer.js";

const models = new Models();
/** @type {Map<string, Graphs>} by model; the first is the dial's */
const graphs = new Map();
const FAMILIES = /** @type {Record<string, typeof Tokenizer>} */ (
  /** @type {unknown} */ ({ linear: Linear })
);
/** @type {WebAssembly.Module | null} what decodes large JPEGs as the server does */
let turbo = null;

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

const line = new Line((question, breathe) => models.answer(question, breathe), pause);

/**
 * Have some graphs ready.
 * @param {object} wanted
 * @param {import("./manifest.js").Manifest} wanted.told
 * @param {string} wanted.folder
 * @param {string[]} wanted.names
 * @param {string} wanted.root the page's folder
 * @param {{ threads: number, gpu: boolean }} wanted.options
 * @returns {Promise<{ kept: boolean, gpu: boolean }>} whether all of it is there for the next visit, and who computes
 */
async function load({ told, folder, names, root, options }) {
  const [first] = graphs.values();
  const mine = graphs.get(told.name) ?? new Graphs(new Model(told, folder), new URL(root), options);
  mine.runtime ??= first?.runtime;
  await mine.add(names, (bytes) => postMessage(["came", bytes]));
  graphs.set(told.name, mine);
  if (names.includes("encode")) turbo ??= await bringJpeg();
  const { model, runtime, kept, gpu } = mine;
  const sessions = Object.fromEntries(mine.sessions);
  const known = models.all.get(told.name);
  if (known) known.studio.world.model.sessions = sessions;
  else {
    const tokenizer = new (FAMILIES[told.kind ?? ""] ?? Tokenizer)(runtime.Tensor, model.shape, sessions);
    const open = (/** @type {Blob} */ file) => Photo.open(file, turbo);
    const files = { open, packed, base64, coder: { encoded, opened } };
    const world = { info: model.info, model: tokenizer, besides: [...model.besides.keys()], ...files };
    models.all.set(told.name, new Answers(new Studio(world), first ? `${OWN}${told.name}-` : OWN));
  }
  return { kept, gpu };
}

self.addEventListener("message", async ({ data: [number, what, told] }) => {
  if (what === "ask") return postMessage([number, await line.ask(told)]);
  const got = await load(told).catch((why) => ({ error: sentenceOf(why) }));
  postMessage([number, got]);
});
