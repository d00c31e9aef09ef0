// On request, a row of pictures beside the film: all but a token.
import { all, one, pictureAddress, put, sheet } from "../dom.js";
import { tokens } from "../lengths.js";

const SIDE = 64; // of the map of differences

/** @type {Record<string, (token: number) => number[]>} what is asked for, one by one */
const ROWS = {
  less: (token) => [0, token],
};
const COMPARED = ["less"];

/**
 * Each value's standard deviation over some pictures, as strong as needed to be seen.
 * @param {Uint8ClampedArray[]} pictures RGBA
 */
export function deviation(pictures) {
  const count = pictures.length;
  const apart = Array.from(pictures[0], (_, i) => {
    if (i % 4 === 3) return 0;
    const mean = pictures.reduce((sum, rgba) => sum + rgba[i], 0) / count;
    return Math.sqrt(pictures.reduce((sum, rgba) => sum + (rgba[i] - mean) ** 2, 0) / count);
  });
  const gain = Math.max(1, Math.min(64, Math.floor(220 / Math.max(...apart))));
  return { gain, rgba: Uint8ClampedArray.from(apart, (value, i) => (i % 4 === 3 ? 255 : gain * value)) };
}

/**
 * @param {HTMLElement} root a panel with such buttons
 * @param {Intents} act
 * @returns {Panel}
 */
export function pictures(root, act) {
  const row = one(root, ".pictures");
  const words = one(root, ".open");
  const buttons = /** @type {HTMLButtonElement[]} */ (all(root, ".view"));
  /** @type {HTMLButtonElement | null} what follows the dial */
  let pressed = null;
  let of = ""; // the length and the token that are shown, or on their way
  let run = 0; // another photo, or another press of a button, ends this one

  /**
   * @param {string} caption
   * @param {HTMLImageElement | HTMLCanvasElement} picture
   */
  const framed = async (caption, picture) => {
    const box = document.createElement("figure");
    const name = document.createElement("figcaption");
    name.textContent = caption;
    box.append(picture, name);
    picture.ariaLabel = caption;
    picture.role = "img";
    if (picture instanceof HTMLImageElement) await picture.decode();
    return box;
  };

  const differing = async (/** @type {HTMLElement[]} */ boxes) => {
    const { canvas, brush } = sheet(SIDE, SIDE, { willReadFrequently: true });
    const { gain, rgba } = deviation(
      boxes.map((box) => {
        brush.drawImage(/** @type {HTMLImageElement} */ (box.firstChild), 0, 0, SIDE, SIDE);
        return brush.getImageData(0, 0, SIDE, SIDE).data;
      }),
    );
    brush.putImageData(new ImageData(rgba, SIDE), 0, 0);
    return framed(`where they differ${gain > 1 ? `, × ${gain}` : ""}`, canvas);
  };

  const asked = () => `${act.state.k} ${act.state.token}`;
  const show = async (/** @type {HTMLButtonElement} */ button) => {
    run += 1;
    const mine = run;
    const { k, token } = act.state;
    /** @type {HTMLElement[]} */
    const boxes = [];
    pressed = button;
    of = asked();
    for (const other of buttons) other.setAttribute("aria-expanded", String(other === button));
    for (const n of ROWS[button.value](token)) {
      put(words, "A moment …");
      const got = await act.view(button.value, { k, n });
      if (mine !== run) return;
      if (got.error) return put(words, got.error);
      const picture = Object.assign(new Image(), { src: pictureAddress(got.webp ?? "") });
      boxes.push(await framed(got.caption ?? "", picture));
      if (mine !== run) return;
      row.replaceChildren(...boxes);
    }
    if (COMPARED.includes(button.value)) row.append(await differing(boxes));
    put(words, `At ${tokens(k)}. ${button.title}`);
  };
  for (const button of buttons) button.addEventListener("click", () => act.film && show(button));

  return {
    begin(film) {
      run += 1;
      pressed = null;
      row.replaceChildren();
      put(words, "");
      for (const button of buttons) {
        button.setAttribute("aria-expanded", "false");
        button.hidden = act.still || !film.offers(button.value);
      }
    },
    settle() {
      if (pressed && of !== asked()) show(pressed); // it follows the dial
    },
  };
}
