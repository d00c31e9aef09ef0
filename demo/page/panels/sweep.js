// Play: one sweep over the rail, as even in octaves as the rail itself; the first example moves by itself, once.
import { one } from "../dom.js";
import { Scale } from "../lengths.js";

const MS = 7000;

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @param {boolean} still nothing moves by itself
 * @returns {Panel & { stop(): void, leave(): void }}
 */
export function sweep(root, act, still) {
  const button = one(root, ".play");
  let from = 0; // when it began; 0: it stands
  let swept = still || matchMedia("(prefers-reduced-motion: reduce)").matches;

  const since = (/** @type {number} */ time) => {
    from = time;
    button.classList.toggle("on", time > 0);
    button.setAttribute("aria-label", time ? "Pause" : "Play: turn the dial from none to all");
  };
  const step = (/** @type {number} */ now) => {
    const film = act.film;
    if (!from || !film) return;
    const part = Math.min(1, Math.max(0, now - from) / MS);
    act.turn(new Scale(film.lengths).at(part), "sweep");
    if (part < 1) requestAnimationFrame(step);
    else stop();
  };
  const play = () => {
    const film = act.film;
    if (!film) return;
    swept = true;
    const { k } = act.state;
    since(performance.now() - (k < film.top ? MS * new Scale(film.lengths).place(k) : 0));
    requestAnimationFrame(step);
  };
  const stop = () => {
    if (!from) return;
    since(0);
    act.paint();
    act.settled();
  };

  button.addEventListener("click", () => (from ? stop() : play()));
  for (const type of ["pointerdown", "keydown", "wheel"]) {
    const touched = (/** @type {Event} */ event) => {
      swept = true;
      if (!button.contains(/** @type {Node} */ (event.target))) stop();
    };
    addEventListener(type, touched, { capture: true, passive: true });
  }

  return {
    arrive(film) {
      if (swept || !film.example || !film.hasLadder("mean")) return;
      act.turn(film.lengths[0], "sweep");
      play();
    },
    stop,
    /** It does not begin by itself any more. */
    leave() {
      swept = true;
      stop();
    },
  };
}
