// A film that this browser decodes: a photo or a link's tokens, and the frames that were made so far. What the server
// keeps in demo/film.py. No DOM: what paints and packs pictures is handed in.
import { levels, ringPower, Scorer } from "./scores.js";

const LINK_SCALE = /** @type {[number, number]} */ ([-1, 6.5]); // log10 power at the plot's ends
const OUT = "Steps go from 2 to 50 and seeds from 0 to 2147483647.";
/** What a page says of a model that is not here. */
export const OTHER = "The page has one model in your browser; another one needs a server.";
const REELS = 6; // of samples that a film keeps

/** @typedef {{ mode: Mode, steps: number, seed: number }} Take how a frame was decoded */

/** @type {Take} */
export const MEAN = { mode: "mean", steps: 1, seed: 0 };

/** Different seeds there are. */
export const SEEDS = 2 ** 31;

/** @param {string} sentence @returns {never} */
export function fail(sentence) {
  throw new Error(sentence);
}

/**
 * The samples that are asked for.
 * @param {Question} question
 * @returns {Take}
 */
export function takeOf({ steps, seed }) {
  const [count, number] = [Number(steps), Number(seed)];
  const fits = Number.isInteger(count) && Number.isInteger(number);
  if (!fits || count < 2 || count > 50 || number < 0 || number >= SEEDS) fail(OUT);
  return { mode: "sample", steps: count, seed: number };
}

const round = (/** @type {number} */ value, /** @type {number} */ digits) =>
  Math.round(value * 10 ** digits) / 10 ** digits;

/** What a film is made of: of a link only the code. */
export class OwnFilm {
  /**
   * @param {string} token
   * @param {object} from
   * @param {import("./photo.js").Photo | null} [from.photo] closed with the film
   * @param {Crop} [from.crop]
   * @param {Uint8Array} [from.rgb] the square
   * @param {Uint8Array} [from.indices] its code, where that is known already
   * @param {string} [from.name] for people
   * @param {string} [from.small] the square, small: WebP in base64
   */
  constructor(token, { photo = null, crop, rgb, indices, name = "", small }) {
    this.token = token;
    this.photo = photo;
    this.crop = crop;
    this.rgb = rgb;
    this.indices = indices;
    this.name = name;
    this.small = small;
    this.scorer = rgb ? new Scorer(rgb) : null;
    /** @type {Float32Array | null} the encoder's maps: layers * tokens * positions */
    this.read = null;
    /** @type {Map<string, Map<number, Row>>} by take */
    this.reels = new Map();
    /** @type {Map<string, import("./codec.js").Codec>} the photo's files, by codec */
    this.codecs = new Map();
  }

  get scale() {
    return this.scorer?.scale ?? LINK_SCALE;
  }

  /** The photo's spectrum as levels of the plot. */
  get reference() {
    return this.scorer ? levels(this.scorer.power, this.scale) : null;
  }

  /**
   * The frames of a take; the oldest take of samples goes when there are too many.
   * @param {Take} take
   */
  reel({ mode, steps, seed }) {
    const key = `${mode}/${steps}/${seed}`;
    const reel = this.reels.get(key) ?? new Map();
    this.reels.delete(key);
    this.reels.set(key, reel);
    const samples = [...this.reels.keys()].filter((name) => !name.startsWith("mean"));
    if (samples.length > REELS) this.reels.delete(samples[0]);
    return reel;
  }

  /**
   * A picture as the page gets it: scored, and packed by whoever can.
   * @param {Mode} mode
   * @param {number} length
   * @param {Uint8Array} rgb
   * @param {(bytes: Uint8Array) => string} base64
   * @param {(rgb: Uint8Array) => Promise<string>} pack
   * @returns {Promise<Row>}
   */
  async row(mode, length, rgb, base64, pack) {
    const packing = pack(rgb); // goes on in another thread while this one scores
    if (!this.scorer) {
      const power = base64(levels(ringPower(rgb), this.scale));
      return [mode, length, await packing, power, null, null, null];
    }
    const { psnr, ssim, power, bands } = this.scorer.of(rgb);
    return [
      mode,
      length,
      await packing,
      base64(levels(power, this.scale)),
      Number.isFinite(psnr) ? round(psnr, 2) : null,
      round(ssim, 3),
      bands.map((off) => round(off, 3)),
    ];
  }

  close() {
    this.photo?.close();
  }
}

/**
 * What to decode next: where the dial is, its sample, too, if it rests; then the ladder of means and that of samples.
 * Other lengths are made when the dial rests there: on a visitor's machine nothing is made for nobody.
 * @param {Take | null} sample null: the model has none
 * @param {number[]} ladder
 * @param {{ k: number, rest: boolean, only: boolean }} where `only`: nothing but what the dial wants
 * @returns {[Take, number][]}
 */
export function plan(sample, ladder, { k, rest, only }) {
  /** @type {[Take, number][]} */
  const here = [[MEAN, k]];
  if (rest && sample) here.push([sample, k]);
  if (only) return here;
  for (const take of sample ? [MEAN, sample] : [MEAN]) {
    for (const length of ladder) here.push([take, length]);
  }
  return here;
}

/**
 * A map for each token, 0..255, and its mass.
 * @param {Float32Array} values of one layer
 * @param {number} tokens
 * @param {number} places
 * @param {"read" | "write"} way read: a row a token; write: a row a place
 */
export function look(values, tokens, places, way) {
  const at = (/** @type {number} */ token, /** @type {number} */ place) =>
    values[way === "read" ? token * places + place : place * tokens + token];
  const maps = new Uint8Array(tokens * places);
  const mass = Array.from({ length: tokens }, (_, token) => {
    let [most, sum] = [1e-12, 0];
    for (let place = 0; place < places; place++) {
      most = Math.max(most, at(token, place));
      sum += at(token, place);
    }
    for (let place = 0; place < places; place++) {
      maps[token * places + place] = (at(token, place) / most) * 255;
    }
    return round(way === "read" ? sum : sum / places, 4);
  });
  return { maps, mass };
}
