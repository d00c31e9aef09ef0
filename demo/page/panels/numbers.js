// The numbers under the dial, and the status line.
import { one, put } from "../dom.js";

const AWAY = "The server is away. What is here stays; the rest comes when it is back. ";
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

/**
 * The status line: about the newest thing that was asked for, unless the server is away.
 * @param {HTMLElement} root
 * @param {() => void} [tryAgain]
 * @returns {Panel & { say: Intents["say"], away(on: boolean): void }}
 */
export function status(root, tryAgain = () => {}) {
  const line = one(root, ".status");
  const button = Object.assign(document.createElement("button"), {
    type: "button",
    textContent: "try again",
  });
  button.className = "plain retry";
  button.addEventListener("click", tryAgain);
  let until = 0; // until then the line keeps its words
  let newest = { words: "", bad: false };
  put(line, ""); // the words come before the button

  const show = () => {
    const gone = button.isConnected;
    line.classList.toggle("bad", gone || newest.bad);
    put(line, gone ? AWAY : newest.words);
  };

  /** @type {Intents["say"]} */
  const say = (words, bad = false, stay = 0) => {
    until = bad ? Number.POSITIVE_INFINITY : performance.now() + stay;
    newest = { words, bad };
    show();
  };
  return {
    say,
    away(on) {
      if (on) line.append(button);
      else button.remove();
      show();
    },
    arrive(film) {
      if (performance.now() <= until) return;
      const [here, all] = [film.mean.at.size, film.lengths.length];
      if (film.done && here < all) say(`${here} of ${all} lengths are stored with this page.`);
      else if (here < all) say(`${here} of ${all} lengths are here`);
      else say(`All ${all} lengths are here: no more requests.`);
    },
  };
}
