// What a pane of Compare holds while it comes: a film of another model, or a codec's files. No DOM.
import { Reel } from "./film.js";

/** @typedef {import("./pull.js").Puller} Puller */

/** A film at another model, on its way. */
export class Other {
  constructor() {
    /** @type {Film | null} */
    this.film = null;
    /** @type {Puller | null} */
    this.puller = null;
    this.asked = false;
    this.note = ""; // why there is nothing to see
    this.take = ""; // whose samples it has
  }

  close() {
    this.film?.close();
    this.film = null;
  }
}

/** A codec's files, by the most bytes that they may have. */
export class Files {
  constructor() {
    this.reel = new Reel();
    /** @type {Set<number>} sizes that no file has */
    this.none = new Set();
    this.asked = false;
    this.note = "";
  }
}
