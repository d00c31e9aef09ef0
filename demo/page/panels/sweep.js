// Play: one sweep over the rail, as even in octaves as the rail itself. The first example moves by itself,
// once, and so does each photo of the visitor's own, unless the dial was touched while it came.
import { one } from "../dom.js";
import { Scale } from "../lengths.js";

const MS = 7000;

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @param {boolean} still nothing moves by itself
 * @returns {Panel & { playing(): boolean, expect(): void, stop(): void, leave(): void }}
 */
export function sweep(root, act, still) {
  const button = one(root, ".play");
  const dial = one(root, ".turn");
  let from = 0; // when it began; 0: it stands
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let swept = still || calm.matches;
  let begun = false; // whether there was a film before
  let turned = false; // whether the dial was touched since another film was asked for

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
      const on = /** @type {Element} */ (event.target);
      turned ||= dial.contains(on);
      if (turned || act.film?.example) swept = true; // a photo of one's own is looked at while it comes
      if (!button.contains(on)) stop();
    };
    addEventListener(type, touched, { capture: true, passive: true });
  }

  return {
    begin(_film, _start, came) {
      if (came === "upload" || came === "crop") swept = calm.matches || turned;
      else if (begun ? came === "example" : came === "link") swept = true;
      begun = true;
    },
    arrive(film) {
      if (swept || from || act.hidden() || !film.hasLadder(film.kind(act.state.mode))) return;
      act.turn(film.lengths[0], "sweep");
      play();
    },
    playing: () => from > 0,
    /** Another film is asked for. */
    expect() {
      stop();
      turned = false;
    },
    stop,
    /** It does not begin by itself any more. */
    leave() {
      swept = true;
      turned = true;
      stop();
    },
  };
}
