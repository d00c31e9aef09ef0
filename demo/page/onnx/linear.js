// The linear tokenizer in this browser: two graphs. Photo -> tokens -> any prefix's picture. There are no samples.
// No DOM.
import { numbersOf } from "./packing.js";
import { planesOf, rgbOf } from "./pixels.js";

/** @typedef {import("./tokenizer.js").Session} Session */

/**
 * What a page must know of it, as its graphs' manifest says.
 * @typedef {object} LinearShape
 * @property {number} image_size
 * @property {number} num_tokens
 * @property {number} token_width
 * @property {{ borders: number[] }} packing where a number's level ends and the next one begins
 */

/** One model. */
export class Linear {
  /**
   * @param {import("./tokenizer.js").MakeTensor} Tensor
   * @param {LinearShape} shape
   * @param {Record<string, Session>} sessions encode, decode
   */
  constructor(Tensor, shape, sessions) {
    this.Tensor = Tensor;
    this.shape = shape;
    this.sessions = sessions;
  }

  /**
   * All tokens of a square.
   * @param {Uint8Array} rgb
   */
  async encode(rgb) {
    const { image_size: side, packing } = this.shape;
    const feeds = { pixels: new this.Tensor("float32", planesOf(rgb), [1, 3, side, side]) };
    const { tokens } = await this.sessions.encode.run(feeds, ["tokens"]);
    const level = (/** @type {number} */ number) =>
      packing.borders.filter((border) => border < number).length;
    return { indices: Uint8Array.from(tokens.data, level), read: null };
  }

  /**
   * The picture that the first tokens of a code hold.
   * @param {import("./tokenizer.js").Code} code
   * @param {number} length
   * @param {unknown} _take there is one picture a prefix
   * @param {() => Promise<unknown>} [breathe] see `Tokenizer.decode`
   * @returns {Promise<Uint8Array>} RGB
   */
  async decode({ indices }, length, _take, breathe = async () => {}) {
    const { num_tokens: count, token_width: width } = this.shape;
    await breathe();
    const kept = Uint8Array.from({ length: count }, (_, i) => Number(i < length));
    const feeds = {
      tokens: new this.Tensor("float32", numbersOf(indices), [1, count, width]),
      keep: new this.Tensor("bool", kept, [1, count]),
    };
    return rgbOf((await this.sessions.decode.run(feeds, ["pixels"])).pixels.data);
  }
}
