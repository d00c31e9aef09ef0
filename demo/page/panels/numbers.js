// The numbers under the dial.
import { one, put } from "../dom.js";

const thousands = new Intl.NumberFormat("en"); // made once: it is slow to make

/**
 * @param {HTMLElement} root
 * @returns {Panel}
 */
export function numbers(root) {
  const [size, psnr, ssim, linear] = ["bytes", "psnr", "ssim", "linear"].map((n) => one(root, `.n-${n}`));
  /** @type {Frame | null} */
  let shown = null;

  return {
    begin(film) {
      shown = null;
      root.classList.toggle("noprefix", film.info.ordered === false);
    },
    arrive(film) {
      root.classList.toggle("nolinear", !film.told.linear);
    },
    draw({ film, state, frame }) {
      put(size, thousands.format(film.bytesOf(state.k)));
      put(linear, film.told.linear?.[state.k]?.toFixed(1) ?? "–");
      if (frame === shown) return;
      shown = frame;
      const scored = frame.ssim !== null;
      put(psnr, scored ? (frame.psnr?.toFixed(1) ?? "∞") : "–");
      put(ssim, frame.ssim?.toFixed(2) ?? "–");
    },
  };
}
