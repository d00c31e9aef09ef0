// The status line. What it says, and of which film, is decided in says.js; a server that is away goes before it.
import { inLine, one, put } from "../dom.js";
import { Says } from "../says.js";
import { waited } from "../wait.js";

const AWAY = "The server is away. What is here stays; the rest comes when it is back. ";

/**
 * @param {HTMLElement} root
 * @param {() => Film | null} newest the film that is asked for last; null while it is not here
 * @param {object} [around]
 * @param {() => void} [around.again] a server that is away is asked once more
 * @param {(film: Film) => void} [around.goOn] a film that was stopped is asked for again
 * @param {() => HTMLElement | null} [around.beside] another button that has its place in the line now
 * @returns {Panel & { say: Intents["say"], away(on: boolean): void, waits(film: Film): void }}
 */
export function status(root, newest, { again = () => {}, goOn = () => {}, beside = () => null } = {}) {
  const line = one(root, ".status");
  const says = new Says(newest);
  const button = inLine("try again", again);
  const stop = inLine("stop", () => {
    const film = newest();
    if (!film) return;
    film.stopped = !film.stopped;
    waits(film);
    if (!film.stopped) goOn(film);
  });
  put(line, ""); // the words come before the buttons
  let over = 0;
  /** @type {HTMLElement | null} */
  let other = null;

  const show = () => {
    const gone = button.isConnected;
    const film = newest();
    line.classList.toggle("bad", gone || says.bad);
    line.classList.toggle("news", gone || says.bad || says.holds()); // it stays in sight below the dial
    put(line, gone ? AWAY : says.words);
    put(stop, film?.stopped ? "go on" : "stop");
    // what is there already stays where it is: moved, it would lose the keyboard
    if (!film?.wait || (film.done && !film.stopped)) stop.remove();
    else if (!stop.isConnected) line.append(stop);
    const next = beside();
    if (next !== other) other?.remove();
    if (next && !next.isConnected) line.append(next);
    other = next;
  };
  const waits = (/** @type {Film} */ film) => {
    says.say(waited(film), false, 0, film);
    show();
  };
  return {
    waits,
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
