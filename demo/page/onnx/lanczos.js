// Pillow's Lanczos, byte for byte: two passes of fixed-point weights, rounded to 8 bits in between. No DOM.
// Source: Pillow 12, src/libImaging/Resample.c.

const SUPPORT = 3; // of the filter, in pixels of the result where the picture shrinks
const PRECISION = 22; // bits behind the point of a weight
const COLOURS = 3;

/** @typedef {{ first: number, weights: Int32Array }[]} Taps for each pixel of the result: where they begin, and all */
/** @typedef {{ width: number, height: number, row(y: number): ArrayLike<number> }} Rows RGBA of a row, 0..255 */
/** @typedef {[left: number, top: number, right: number, bottom: number]} Box in pixels */

/** @param {number} x */
function lanczos(x) {
  if (x < -SUPPORT || x >= SUPPORT) return 0;
  const sinc = (/** @type {number} */ at) => (at === 0 ? 1 : Math.sin(at * Math.PI) / (at * Math.PI));
  return sinc(x) * sinc(x / SUPPORT);
}

/**
 * Which pixels make each pixel of the result, and how much of each.
 * @param {number} size pixels that there are
 * @param {number} from where the stretch begins
 * @param {number} to where it ends
 * @param {number} wanted pixels of the result
 * @returns {Taps}
 */
export function taps(size, from, to, wanted) {
  const [start, end] = [Math.fround(from), Math.fround(to)]; // Pillow keeps the box in float32
  const scale = Math.fround(end - start) / wanted;
  const wide = Math.max(scale, 1);
  const reach = SUPPORT * wide;
  return Array.from({ length: wanted }, (_, i) => {
    const centre = start + (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const last = Math.min(size, Math.trunc(centre + reach + 0.5));
    const weights = Float64Array.from({ length: last - first }, (_, n) =>
      lanczos((n + first - centre + 0.5) * (1 / wide)),
    );
    let sum = 0;
    for (const weight of weights) sum += weight;
    const fixed = Int32Array.from(weights, (weight) => {
      const share = (sum === 0 ? weight : weight / sum) * 2 ** PRECISION;
      return Math.trunc(share < 0 ? share - 0.5 : share + 0.5);
    });
    return { first, weights: fixed };
  });
}

const HALF = 2 ** (PRECISION - 1);
const clipped = (/** @type {number} */ sum) => Math.min(255, Math.max(0, sum >> PRECISION));

/**
 * One row of RGBA, narrower or wider, as RGB.
 * @param {ArrayLike<number>} row
 * @param {Taps} across
 * @param {Uint8Array} into
 * @param {number} at
 */
function resizeRow(row, across, into, at) {
  across.forEach(({ first, weights }, x) => {
    let [red, green, blue] = [HALF, HALF, HALF];
    for (let n = 0, from = 4 * first; n < weights.length; n++, from += 4) {
      red += row[from] * weights[n];
      green += row[from + 1] * weights[n];
      blue += row[from + 2] * weights[n];
    }
    into[at + COLOURS * x] = clipped(red);
    into[at + COLOURS * x + 1] = clipped(green);
    into[at + COLOURS * x + 2] = clipped(blue);
  });
}

/**
 * A part of a picture as a square: what `Image.resize((side, side), LANCZOS, box=box)` gives.
 * @param {Rows} picture its rows are asked for from the top, each once
 * @param {number} side
 * @param {Box} box
 * @returns {Uint8Array} RGB
 */
export function resized(picture, side, [left, top, right, bottom]) {
  const { width, height } = picture;
  const across = taps(width, left, right, side);
  const down = taps(height, top, bottom, side);
  const first = down[0].first;
  const final = /** @type {Taps[0]} */ (down.at(-1));
  const rows = final.first + final.weights.length - first;
  const stride = COLOURS * side;
  const narrow = new Uint8Array(rows * stride);
  const kept = side === width && left === 0 && right === width; // Pillow then leaves this pass out
  for (let y = 0; y < rows; y++) {
    const row = picture.row(first + y);
    if (kept) for (let x = 0; x < stride; x++) narrow[y * stride + x] = row[4 * Math.floor(x / 3) + (x % 3)];
    else resizeRow(row, across, narrow, y * stride);
  }
  if (side === height && top === 0 && bottom === height) return narrow;
  const square = new Uint8Array(side * stride);
  down.forEach(({ first: from, weights }, y) => {
    for (let x = 0; x < stride; x++) {
      let sum = HALF;
      for (let n = 0; n < weights.length; n++) sum += narrow[(from - first + n) * stride + x] * weights[n];
      square[y * stride + x] = clipped(sum);
    }
  });
  return square;
}
