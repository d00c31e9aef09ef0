// A photo in WebP and JPEG files of so many bytes at most, by the browser's own encoder: what measure/codecs.py makes
// with Pillow's. It is made smaller, coded at the highest quality that fits, decoded and enlarged again; of all sizes
// the one with the best PSNR counts. No DOM: what codes and opens files is handed in.
import { resized } from "./lanczos.js";
import { psnr } from "./scores.js";

// Its pictures are within 0.3 dB of Pillow's in WebP, and the same in JPEG (Chromium 156, two examples, 16 sizes).
const SIDES = [256, 192, 160, 128, 96, 80, 64, 48, 40, 32, 24, 16, 12, 8];
const BEYOND = 2; // qualities above the highest that bisection found
const AT_ONCE = 400; // ms of work after which what is made is told
const KINDS = /** @type {Record<string, { type: string, qualities: [number, number] }>} */ ({
  WebP: { type: "image/webp", qualities: [0, 99] }, // at 100 a browser leaves nothing out
  JPEG: { type: "image/jpeg", qualities: [1, 95] },
});
const NONE = "There is no such codec on this page.";

/**
 * @typedef {object} Coder
 * @property {(rgb: Uint8Array, type: string, quality: number) => Promise<Blob | null>} encoded see canvas.js
 * @property {(file: Blob) => Promise<import("./jpeg.js").Pixels>} opened
 */

/** @param {Uint8Array} rgb @returns {import("./lanczos.js").Rows} */
function rowsOf(rgb) {
  const side = Math.sqrt(rgb.length / 3);
  const row = (/** @type {number} */ y) => {
    const found = new Uint8Array(4 * side);
    for (let x = 0; x < side; x++) found.set(rgb.subarray(3 * (y * side + x), 3 * (y * side + x + 1)), 4 * x);
    return found;
  };
  return { width: side, height: side, row };
}

/** A photo in the files of one codec. */
export class Codec {
  /**
   * @param {Uint8Array} rgb the square
   * @param {string} name
   * @param {Coder} coder
   */
  constructor(rgb, name, coder) {
    this.rgb = rgb;
    this.side = Math.sqrt(rgb.length / 3);
    this.name = name;
    if (!(name in KINDS)) throw new Error(NONE);
    this.kind = KINDS[name];
    this.coder = coder;
    /** @type {Map<number, Uint8Array>} the photo by its side */
    this.small = new Map();
    /** @type {Map<string, Blob>} files by side and quality: the budgets share them */
    this.files = new Map();
    /** @type {Map<number, FileRow | null>} what was told, by bytes */
    this.rows = new Map();
  }

  /** @param {number} side */
  at(side) {
    const known = this.small.get(side);
    if (known) return known;
    const made = resized(rowsOf(this.rgb), side, [0, 0, this.side, this.side]);
    this.small.set(side, made);
    return made;
  }

  /**
   * @param {number} side
   * @param {number} quality
   */
  async file(side, quality) {
    const key = `${side}/${quality}`;
    const made =
      this.files.get(key) ?? (await this.coder.encoded(this.at(side), this.kind.type, quality / 100));
    if (!made) throw new Error(`This browser writes no ${this.name} files.`);
    this.files.set(key, made);
    return made;
  }

  /**
   * The file of the highest quality within some bytes, by bisection; null if the lowest is too large.
   * @param {number} side
   * @param {number} bytes
   */
  async largest(side, bytes) {
    let [low, high] = this.kind.qualities;
    const top = high;
    let fits = -1;
    const within = async (/** @type {number} */ quality) => (await this.file(side, quality)).size <= bytes;
    for (let quality = low; low <= high; quality = Math.floor((low + high) / 2)) {
      if (await within(quality)) {
        fits = quality;
        low = quality + 1;
      } else high = quality - 1;
    }
    if (fits < 0) return null;
    const found = fits; // a file may shrink by some bytes where the quality rises
    for (let quality = found + 1; quality <= Math.min(found + BEYOND, top); quality++) {
      if (await within(quality)) fits = quality;
    }
    return this.file(side, fits);
  }

  /**
   * The best picture within some bytes; null where no file has so few.
   * @param {number} bytes
   * @param {() => Promise<unknown>} breathe see `Tokenizer.decode`
   * @returns {Promise<Uint8Array | null>} RGB
   */
  async best(bytes, breathe) {
    let [best, nearest] = [/** @type {Uint8Array | null} */ (null), Number.NEGATIVE_INFINITY];
    for (const side of SIDES.filter((one) => one <= this.side)) {
      await breathe();
      const file = await this.largest(side, bytes);
      if (!file) continue;
      const { width, height, pixels } = await this.coder.opened(file);
      const row = (/** @type {number} */ y) => pixels.subarray(4 * width * y, 4 * width * (y + 1));
      const rgb = resized({ width, height, row }, this.side, [0, 0, width, height]);
      const near = psnr(rgb, this.rgb);
      if (near > nearest) [best, nearest] = [rgb, near];
    }
    return best;
  }

  /**
   * A row for each size, or for the first of them: whoever asks on gets the others.
   * @param {number[]} sizes bytes, ascending
   * @param {(rgb: Uint8Array) => Promise<Row>} rowOf
   * @param {() => Promise<unknown>} breathe
   */
  async told(sizes, rowOf, breathe) {
    const until = performance.now() + AT_ONCE;
    const found = [];
    for (const size of sizes) {
      let row = this.rows.get(size);
      if (row === undefined) {
        if (found.length && performance.now() > until) break;
        const rgb = await this.best(size, breathe);
        row = rgb && /** @type {FileRow} */ ([size, .../** @type {unknown[]} */ (await rowOf(rgb)).slice(2)]);
        this.rows.set(size, row);
      }
      found.push(row);
    }
    return found;
  }
}
