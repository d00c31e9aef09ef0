// The model in a worker of its own, so that the page never waits for it. Messages in: [number, what, ...]; out:
// [number, answer], and ["came", bytes] while the model is fetched.
import { Answers } from "./answers.js";
import { Graphs } from "./graphs.js";
import { bringJpeg } from "./jpeg.js";
import { Line, sentenceOf } from "./line.js";
import { Model } from "./manifest.js";
import { base64, Photo, packed } from "./photo.js";
import { Studio } from "./studio.js";
import { Tokenizer } from "./tokenizer.js";

/** @type {Answers | null} */
let answers = null;
/** @type {Graphs | null} */
let graphs = null;
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

const line = new Line((question, breathe) => {
  if (!answers) throw new Error("The model is not here yet.");
  return answers.answer(question, breathe);
}, pause);

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
  graphs ??= new Graphs(new Model(told, folder), new URL(root), options);
  await graphs.add(names, (bytes) => postMessage(["came", bytes]));
  if (names.includes("encode")) turbo ??= await bringJpeg();
  const { model, runtime, kept, gpu } = graphs;
  const sessions = Object.fromEntries(graphs.sessions);
  if (answers) answers.studio.world.model.sessions = sessions;
  else {
    const tokenizer = new Tokenizer(runtime.Tensor, model.shape, sessions);
    const open = (/** @type {Blob} */ file) => Photo.open(file, turbo);
    const world = { info: model.info, model: tokenizer, open, packed, base64 };
    answers = new Answers(new Studio(world));
  }
  return { kept, gpu };
}

self.addEventListener("message", async ({ data: [number, what, told] }) => {
  if (what === "ask") return postMessage([number, await line.ask(told)]);
  const got = await load(told).catch((why) => ({ error: sentenceOf(why) }));
  postMessage([number, got]);
});
