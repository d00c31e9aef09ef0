// Which JPEGs the server decodes at a half, a quarter or an eighth, and nearly the same where jpeg.js cannot: its
// smaller transforms give about the averages of neighbouring pixels, so those are averaged here. No DOM.
// Source: libjpeg-turbo, jidctred.c; Pillow's `draft` chooses the scale.

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

/**
 * A picture's rows, smaller.
 * @param {import("./lanczos.js").Rows} picture asked for from the top
 * @param {number} scale 2, 4 or 8
 * @returns {import("./lanczos.js").Rows}
 */
export function drafted(picture, scale) {
  const [width, height] = [picture.width, picture.height].map((side) => Math.ceil(side / scale));
  const sums = new Uint32Array(4 * width);

  const add = (/** @type {ArrayLike<number>} */ row) => {
    for (let x = 0; x < width * scale; x++) {
      const from = 4 * Math.min(x, picture.width - 1);
      const to = 4 * Math.floor(x / scale);
      sums[to] += row[from];
      sums[to + 1] += row[from + 1];
      sums[to + 2] += row[from + 2];
    }
  };
  const row = (/** @type {number} */ y) => {
    sums.fill(0);
    const last = picture.height - 1;
    for (let i = 0; i < scale; i++) if (scale * y + i <= last) add(picture.row(scale * y + i));
    const rows = Math.min(scale, picture.height - scale * y);
    return Uint8ClampedArray.from(sums, (sum) => sum / (scale * rows));
  };
  return { width, height, row };
}
