// A model in this browser: four graphs, run one at a time. Photo -> tokens -> any prefix's picture. No DOM.
import { randn } from "./noise.js";
import { nearestLevels, numbersOf } from "./packing.js";
import { planesOf, rgbOf } from "./pixels.js";
import { sample } from "./solver.js";

/**
 * A graph that can run.
 * @typedef {object} Session
 * @property {(feeds: object, fetches?: string[]) => Promise<Record<string, Tensor>>} run
 * @property {() => Promise<void>} release
 */
/** @typedef {{ data: Float32Array, dims: readonly number[] }} Tensor */
/** @typedef {new (type: string, data: ArrayLike<number>, dims: number[]) => Tensor} MakeTensor */

/**
 * What a page must know of a model, as its graphs' manifest says.
 * @typedef {object} Shape
 * @property {number} image_size
 * @property {number} num_tokens
 * @property {number} token_width
 * @property {{ positions: number, channels: number }} latent
 * @property {{ read: number, write: number }} layers
 * @property {import("./solver.js").Sampler} sampler
 */

/**
 * Tokens of a code that a decoder can read, and which of them are there.
 * @typedef {object} Code
 * @property {Uint8Array} indices of packing's levels
 * @property {number} [without] a token that is left out, from 1
 */

/** Another question is more urgent, or nobody wants the answer any more. */
export class Stale extends Error {}

const KEPT = 3; // codes whose keys and values stay, some MB each

/** One model. */
export class Tokenizer {
  /**
   * @param {MakeTensor} Tensor
   * @param {Shape} shape
   * @param {Record<string, Session>} sessions encode (none: pictures of tokens alone), context, predict, paint
   */
  constructor(Tensor, shape, sessions) {
    this.Tensor = Tensor;
    this.shape = shape;
    this.sessions = sessions;
    /** @type {Map<string, Tensor>} keys and values by code, the newest last */
    this.contexts = new Map();
  }

  /**
   * @param {ArrayLike<number>} data
   * @param {number[]} dims
   * @param {string} [type]
   */
  tensor(data, dims, type = "float32") {
    return new this.Tensor(type, data, dims);
  }

  /**
   * All tokens of a square, and the maps of where they looked.
   * @param {Uint8Array} rgb
   * @returns {Promise<{ indices: Uint8Array, read: Float32Array }>} read: layers * tokens * positions
   */
  async encode(rgb) {
    const side = this.shape.image_size;
    const feeds = { pixels: this.tensor(planesOf(rgb), [1, 3, side, side]) };
    const { tokens, read } = await this.sessions.encode.run(feeds, ["tokens", "read"]);
    return { indices: nearestLevels(tokens.data), read: read.data };
  }

  /**
   * Keys and values of a code, once.
   * @param {Code} code
   */
  async context({ indices, without = 0 }) {
    const key = `${without}:${indices.join()}`;
    const known = this.contexts.get(key);
    if (known) return known;
    const { num_tokens: count, token_width: width } = this.shape;
    const feeds = {
      tokens: this.tensor(numbersOf(indices), [1, count, width]),
      present: this.mask(count, without),
    };
    const { context } = await this.sessions.context.run(feeds, ["context"]);
    this.contexts.set(key, context);
    if (this.contexts.size > KEPT) this.contexts.delete([...this.contexts.keys()][0]);
    return context;
  }

  /**
   * The first tokens, less one.
   * @param {number} length
   * @param {number} without
   */
  mask(length, without) {
    const { num_tokens: count } = this.shape;
    const kept = Uint8Array.from({ length: count }, (_, i) => Number(i < length && i + 1 !== without));
    return this.tensor(kept, [1, count], "bool");
  }

  /**
   * The picture that the first tokens of a code hold.
   * @param {Code} code
   * @param {number} length
   * @param {{ steps: number, seed: number }} take
   * @param {() => Promise<unknown>} [breathe] is awaited before each run; it throws `Stale` to end this
   * @returns {Promise<Uint8Array>} RGB
   */
  async decode(code, length, { steps, seed }, breathe = async () => {}) {
    const { positions, channels } = this.shape.latent;
    const context = await this.context(code);
    const [seen, unseen] = [this.mask(length, code.without ?? 0), this.mask(0, 0)];
    const predict = async (
      /** @type {Float32Array} */ noisy,
      /** @type {number} */ t,
      /** @type {boolean} */ tokens,
    ) => {
      await breathe();
      return (await this.predict(noisy, t, context, tokens ? seen : unseen, "clean")).data;
    };
    const noise = randn(seed, positions * channels);
    const latent = await sample(predict, noise, steps, this.shape.sampler);
    await breathe();
    return this.paint(latent);
  }

  /**
   * @param {Float32Array} noisy
   * @param {number} t
   * @param {Tensor} context
   * @param {Tensor} keep
   * @param {"clean" | "write"} wanted
   */
  async predict(noisy, t, context, keep, wanted) {
    const { positions, channels } = this.shape.latent;
    const feeds = {
      noisy: this.tensor(noisy, [1, positions, channels]),
      time: this.tensor(Float32Array.of(t), [1]),
      context,
      keep,
    };
    return (await this.sessions.predict.run(feeds, [wanted]))[wanted];
  }

  /** @param {Float32Array} latent */
  async paint(latent) {
    const { positions, channels } = this.shape.latent;
    const feeds = { latent: this.tensor(latent, [1, positions, channels]) };
    return rgbOf((await this.sessions.paint.run(feeds, ["pixels"])).pixels.data);
  }

  /**
   * How much of each position's attention goes to each token, layer by layer, at the first step.
   * @param {Code} code
   * @returns {Promise<Float32Array>} layers * positions * tokens
   */
  async write(code) {
    const { positions, channels } = this.shape.latent;
    const noise = randn(0, positions * channels);
    const all = this.mask(this.shape.num_tokens, 0);
    return (await this.predict(noise, 1, await this.context(code), all, "write")).data;
  }
}
