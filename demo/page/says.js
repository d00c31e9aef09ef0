// What the status line says: about the newest thing that was asked for. No DOM.
import { laddered, waited } from "./wait.js";

/**
 * How much of a film is here.
 * @param {Film} film
 */
export function counted(film) {
  if (film.wait) return waited(film);
  const [here, samples, all] = [film.mean.at.size, film.sample.at.size, film.lengths.length];
  const also =
    film.modes.length > 1 && samples < all
      ? `, ${samples} of them as ${film.second === "sample" ? "samples" : film.second}`
      : "";
  if (here < all) {
    if (film.done && film.info.alone) return laddered(film);
    if (film.done) return `${here} of ${all} lengths are stored with this page.`;
    return `${here} of ${all} lengths are here${samples ? also : ""}`;
  }
  if (!film.done) return `All ${all} lengths are here${also}, and more are coming`;
  if (also) return `All ${all} lengths are here${also}; another one comes where the dial rests.`;
  return `All ${all} lengths are here: no more requests.`;
}

/** The one place that decides what is said. */
export class Says {
  /**
   * @param {() => Film | null} newest the film that is asked for last; null while it is not here
   * @param {() => number} clock ms
   */
  constructor(newest, clock = () => performance.now()) {
    this.newest = newest;
    this.clock = clock;
    this.words = "";
    this.bad = false;
    this.until = 0; // until then the line keeps its words
  }

  /**
   * Say something, unless it is about a film that nobody asks for any more.
   * @param {string} words
   * @param {boolean} [bad] it stays until something else is asked
   * @param {number} [stay] ms in which no count takes its place
   * @param {Film} [about] none: about what the visitor did just now
   */
  say(words, bad = false, stay = 0, about = undefined) {
    if (about && about !== this.newest()) return;
    this.until = bad ? Number.POSITIVE_INFINITY : this.clock() + stay;
    this.bad = bad;
    this.words = words;
  }

  /** Whether the words stay for a while, whatever comes. */
  holds() {
    return this.clock() < this.until;
  }

  /**
   * Frames of a film came.
   * @param {Film} film
   */
  count(film) {
    if (this.clock() > this.until) this.say(counted(film), false, 0, film);
  }
}
