// The status line. What it says, and of which film, is decided in says.js.
import { one, put } from "../dom.js";
import { Says } from "../says.js";

/**
 * @param {HTMLElement} root
 * @param {() => Film | null} newest the film that is asked for last; null while it is not here
 * @returns {Panel & { say: Intents["say"] }}
 */
export function status(root, newest) {
  const line = one(root, ".status");
  const says = new Says(newest);
  const show = () => {
    line.classList.toggle("bad", says.bad);
    put(line, says.words);
  };
  return {
    say(...what) {
      says.say(...what);
      show();
    },
    arrive(film) {
      says.count(film);
      show();
    },
  };
}
