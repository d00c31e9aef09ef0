// A large JPEG as the server decodes it: at a half, a quarter or an eighth, out of the lowest frequencies of each
// block of 8 x 8. A browser decodes all of it, so those frequencies are taken here. No DOM.
// Source: ITU-T T.81, A.3.3, and the scaled inverse transforms of libjpeg; Pillow's `draft` chooses the scale.

const BLOCK = 8;
const SHORTEST = 1024; // pixels that each side keeps: enough for a zoom of 4 into a square of 256
const SCALES = [8, 4, 2];

/**
 * By how much the server decodes a JPEG smaller: 1, 2, 4 or 8.
 * @param {{ width: number, height: number }} size
 */
export function draftOf({ width, height }) {
  const most = Math.min(Math.floor(width / SHORTEST), Math.floor(height / SHORTEST));
  return SCALES.find((scale) => most >= scale) ?? 1;
}

/** The orthonormal cosine transform: a row a frequency. @param {number} size */
function cosines(size) {
  return Array.from({ length: size }, (_, frequency) =>
    Array.from({ length: size }, (_, at) => {
      const wave = Math.cos((Math.PI * frequency * (2 * at + 1)) / (2 * size));
      return wave * Math.sqrt((frequency ? 2 : 1) / size);
    }),
  );
}

/**
 * What makes fewer numbers of eight: their transform, its lowest frequencies, and the smaller transform back.
 * @param {number} few
 */
function shrinking(few) {
  const [forward, back] = [cosines(BLOCK), cosines(few)];
  const gain = Math.sqrt(few / BLOCK);
  return Array.from({ length: few }, (_, to) =>
    Float64Array.from({ length: BLOCK }, (_, from) => {
      let sum = 0;
      for (let i = 0; i < few; i++) sum += back[i][to] * forward[i][from];
      return sum * gain;
    }),
  );
}

/**
 * A picture's rows, smaller.
 * @param {import("./lanczos.js").Rows} picture asked for from the top
 * @param {number} scale 2, 4 or 8
 * @returns {import("./lanczos.js").Rows}
 */
export function drafted(picture, scale) {
  const few = BLOCK / scale;
  const weights = shrinking(few);
  const [width, height] = [picture.width, picture.height].map((side) => Math.ceil(side / scale));
  const stride = 4 * width;
  const across = Array.from({ length: BLOCK }, () => new Float64Array(stride));
  const rows = Array.from({ length: few }, () => new Uint8ClampedArray(stride));
  let held = -1; // the row of blocks that is in `rows`

  const padded = new Uint8ClampedArray(4 * BLOCK * Math.ceil(picture.width / BLOCK));
  const narrow = (/** @type {ArrayLike<number>} */ row, /** @type {Float64Array} */ into) => {
    padded.set(row);
    for (let at = 4 * picture.width; at < padded.length; at++) padded[at] = padded[at - 4]; // its last pixel again
    for (let x = 0; x < width; x++) {
      const kernel = weights[x % few];
      let [red, green, blue] = [0, 0, 0];
      for (let i = 0, at = 4 * BLOCK * Math.floor(x / few); i < BLOCK; i++, at += 4) {
        red += kernel[i] * padded[at];
        green += kernel[i] * padded[at + 1];
        blue += kernel[i] * padded[at + 2];
      }
      into[4 * x] = red;
      into[4 * x + 1] = green;
      into[4 * x + 2] = blue;
    }
  };
  const hold = (/** @type {number} */ block) => {
    for (let i = 0; i < BLOCK; i++) {
      const y = BLOCK * block + i;
      if (y < picture.height) narrow(picture.row(y), across[i]);
      else across[i].set(across[i - 1]);
    }
    rows.forEach((row, to) => {
      for (let at = 0; at < stride; at++) {
        let sum = 0;
        for (let i = 0; i < BLOCK; i++) sum += weights[to][i] * across[i][at];
        row[at] = sum;
      }
    });
    held = block;
  };
  const row = (/** @type {number} */ y) => {
    const block = Math.floor(y / few);
    if (block !== held) hold(block);
    return rows[y % few];
  };
  return { width, height, row };
}
