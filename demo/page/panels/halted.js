// What an adaptive model has right already, pass by pass: light over the photo, and its share in words.
import { one, pen, put } from "../dom.js";
import { bytes } from "../tokens.js";

const DIM = [8, 8, 16, 150]; // what is not right yet
const LIGHT = [94, 234, 212, 60]; // what is

/**
 * A mask as RGBA.
 * @param {Uint8Array} mask 1: right
 */
export const lit = (mask) => Uint8ClampedArray.from([...mask].flatMap((right) => (right ? LIGHT : DIM)));

/**
 * The share that is right, in words.
 * @param {Uint8Array} mask
 * @param {number} length of the code
 */
export function inWords(mask, length) {
  const percent = Math.round((100 * mask.reduce((sum, right) => sum + right, 0)) / mask.length);
  const next = "the next pass sees a mask there and spends its tokens elsewhere";
  return `At ${length} tokens ${percent} % of the picture was right by now; ${next}.`;
}

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @returns {Panel}
 */
export function halted(root, act) {
  const brushes = [".att", ".spot"].map((name) => pen(one(root, name)));
  const words = one(root, ".n-halted");
  /** @type {Map<number, Uint8Array> | null} null: nobody asked */
  let masks = null;
  let drawn = "";

  const ask = async () => {
    const mine = act.film;
    masks = new Map();
    const got = await act.view("halted", {});
    if (act.film !== mine) return;
    for (const [length, mask] of Object.entries(got.halted ?? {})) masks.set(Number(length), bytes(mask));
    if (got.error) act.say(got.error, true);
    act.paint();
  };

  return {
    begin(film) {
      masks = null;
      drawn = "";
      put(words, "");
      root.classList.toggle("nohalted", act.still || !film.original || !film.offers("halted"));
    },
    draw({ film, state }) {
      if (state.overlay !== "right") {
        if (drawn) put(words, "");
        drawn = "";
        return;
      }
      if (!masks && film.offers("halted") && !root.classList.contains("nohalted")) ask();
      const mask = masks?.get(state.k);
      const now = [film.token, state.k, !!mask].join();
      if (now === drawn) return;
      drawn = now;
      if (!mask) return;
      const side = Math.sqrt(mask.length);
      for (const brush of brushes) {
        Object.assign(brush.canvas, { width: side, height: side });
        brush.putImageData(new ImageData(lit(mask), side), 0, 0);
      }
      put(words, inWords(mask, state.k));
    },
  };
}
