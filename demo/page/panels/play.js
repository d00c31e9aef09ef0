// The card of a round of "Name it".
import { one, put } from "../dom.js";
import { beside } from "../lengths.js";
import { tally } from "../round.js";

/** @import { Round } from "../round.js" */

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @param {() => Round | null} round
 * @returns {Panel}
 */
export function play(root, act, round) {
  const said = one(root, ".said");

  const end = () => {
    const [now, film] = [round(), act.film];
    if (!now || !film) return;
    now.known = true;
    root.classList.remove("guess");
    root.classList.add("known");
    put(said, now.result(film, tally(now.most, window.localStorage)));
    act.turn(film.top);
    act.settled();
    one(root, ".challenge").focus();
  };
  one(root, ".more").addEventListener("click", () => {
    if (!act.film) return;
    act.turn(beside(act.film.lengths, act.state.k, 1));
    act.settled();
  });
  one(root, ".know").addEventListener("click", end);

  return {
    begin() {
      one(root, ".name").hidden = !round();
      root.classList.toggle("guess", act.hidden());
    },
    draw({ film, state, frame }) {
      const now = round();
      if (!now || now.known) return;
      now.saw(state.k);
      put(said, now.words(film, film.sees(frame)));
    },
  };
}
