// The status line. What it says, and of which film, is decided in says.js; a server that is away goes before it.
import { one, put } from "../dom.js";
import { Says } from "../says.js";

const AWAY = "The server is away. What is here stays; the rest comes when it is back. ";

/**
 * @param {HTMLElement} root
 * @param {() => Film | null} newest the film that is asked for last; null while it is not here
 * @param {() => void} [tryAgain]
 * @returns {Panel & { say: Intents["say"], away(on: boolean): void }}
 */
export function status(root, newest, tryAgain = () => {}) {
  const line = one(root, ".status");
  const says = new Says(newest);
  const button = Object.assign(document.createElement("button"), {
    type: "button",
    className: "plain retry",
  });
  button.textContent = "try again";
  button.addEventListener("click", tryAgain);
  put(line, ""); // the words come before the button
  let over = 0;

  const show = () => {
    const gone = button.isConnected;
    line.classList.toggle("bad", gone || says.bad);
    line.classList.toggle("news", gone || says.bad || says.holds()); // it stays in sight below the dial
    put(line, gone ? AWAY : says.words);
  };
  return {
    say(...what) {
      says.say(...what);
      show();
      clearTimeout(over);
      const [, , stay = 0] = what;
      if (Number.isFinite(stay)) over = window.setTimeout(show, stay + 1);
    },
    away(on) {
      if (on) line.append(button);
      else button.remove();
      show();
    },
    arrive(film) {
      says.count(film);
      show();
    },
  };
}
