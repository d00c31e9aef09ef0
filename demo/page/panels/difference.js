// The difference of two pictures over the picture: what a token added, or what is not there yet.
import { one, pen, put, sheet } from "../dom.js";

const SIDE = 128;
const BRIGHT = 110; // the brightest of 16 x 16 places is made at least this strong
const MOST = 64; // times

/**
 * The two lengths of the mean whose difference is a token's share: the step over it that is here.
 * @param {number[]} have
 * @param {number} token
 * @returns {[number, number]} -1 or Infinity where there is none
 */
export function step(have, token) {
  const after = have.filter((k) => k >= token);
  const to = Math.min(...after);
  return [Math.max(-1, ...have.filter((k) => k < token && k < to)), to];
}

/**
 * @param {HTMLElement} root
 * @returns {Panel}
 */
export function difference(root) {
  const brush = pen(one(root, ".dif"), { alpha: false });
  const photo = /** @type {HTMLImageElement} */ (one(root, ".photo"));
  const words = one(root, ".n-gain");
  const small = sheet(16, 16, { willReadFrequently: true }).brush;
  let shown = "";

  const strongest = () => {
    small.drawImage(brush.canvas, 0, 0, 16, 16);
    const { data } = small.getImageData(0, 0, 16, 16);
    return data.reduce((most, value, i) => (i % 4 < 3 ? Math.max(most, value) : most), 1);
  };

  /**
   * Doubled until it can be seen.
   * @param {CanvasImageSource | undefined} less
   * @param {CanvasImageSource | undefined} more
   * @param {string} what
   */
  const differ = (less, more, what) => {
    put(words, "");
    brush.globalCompositeOperation = "source-over";
    brush.fillRect(0, 0, SIDE, SIDE);
    if (!less || !more) return;
    brush.drawImage(more, 0, 0, SIDE, SIDE);
    brush.globalCompositeOperation = "difference";
    brush.drawImage(less, 0, 0, SIDE, SIDE);
    brush.globalCompositeOperation = "lighter";
    let gain = 1;
    for (let most = strongest(); most < BRIGHT && gain < MOST; most *= 2) {
      brush.drawImage(brush.canvas, 0, 0);
      gain *= 2;
    }
    put(words, `Bright: what ${what}${gain > 1 ? `, ${gain} times as strong` : ""}`);
  };

  return {
    begin() {
      shown = "";
    },
    draw({ film, state, frame }) {
      const { overlay, token } = state;
      if (overlay !== "add" && overlay !== "less") {
        shown = "";
        return;
      }
      const [back, to] = step(film.mean.have, token);
      const now = [
        film.token,
        overlay,
        ...(overlay === "add" ? [back, to] : [frame.mode, frame.length]),
      ].join();
      if (now === shown) return;
      shown = now;
      const at = film.mean.at;
      if (overlay === "less") differ(photo, frame.bitmap, "differs from the photo");
      else
        differ(at.get(back)?.bitmap, at.get(to)?.bitmap, `changes from ${back} to ${to} tokens in the mean`);
    },
  };
}
