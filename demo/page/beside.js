// What Compare's panes hold: films of other models, and a codec's files; each asked for when a pane shows it. No DOM.
import { Film } from "./film.js";
import { Files, Other } from "./others.js";
import { isCodec, lengthFor, modelOf, sizesOf } from "./panes.js";
import { Puller } from "./pull.js";
import { askOrSay } from "./source.js";

const MOST_SIZES = 32; // that one question may name

/** @typedef {import("./panes.js").Budget} Budget */

/**
 * What this needs of the page.
 * @typedef {object} Needs
 * @property {Source} source
 * @property {() => Film | null} main the dial's film
 * @property {State} state
 * @property {() => string[]} names of the panes that are shown; none while nobody looks
 * @property {(webp: string) => Promise<ImageBitmap>} unpack
 * @property {() => void} arrived
 */

/** All of them. One question at a time, and none before the dial's own film has its ladder. */
export class Beside {
  /**
   * @param {Needs} needs
   * @param {(row: Row, bitmap: ImageBitmap) => Frame} frameOf
   */
  constructor(needs, frameOf) {
    this.needs = needs;
    this.frameOf = frameOf;
    /** @type {Info[] | null} null: not known yet */
    this.models = null;
    this.listed = false;
    this.source = { ...needs.source, ask: (/** @type {Question} */ question) => this.ask(question) };
    /** @type {Map<string, Other>} by model */
    this.others = new Map();
    /** @type {Map<string, Files>} by codec */
    this.codecs = new Map();
    /** @type {Promise<unknown>} */
    this.line = Promise.resolve();
    /** @type {(() => void)[]} */
    this.waiting = [];
  }

  /** Another film is on the dial: nothing of the old one's is of use, nor what still waits to be asked. */
  begin() {
    for (const other of this.others.values()) other.close();
    for (const { reel } of this.codecs.values()) reel.close();
    this.others.clear();
    this.codecs.clear();
    this.line = Promise.resolve();
    this.waiting = [];
  }

  /** Whether the main film lets others ask. */
  get free() {
    const main = this.needs.main();
    return !!main && (main.done || main.hasLadder("mean")) && this.needs.names().length > 0;
  }

  /**
   * A question that waits for its turn.
   * @param {Question} question
   * @returns {Promise<Answer>}
   */
  ask(question) {
    const mine = this.line.then(() => this.free || new Promise((go) => this.waiting.push(() => go(true))));
    const answer = mine.then(() => this.needs.source.ask(question));
    this.line = answer.catch(() => {});
    return answer;
  }

  /** Ask which models there are, once. */
  async list() {
    if (this.listed) return;
    this.listed = true;
    this.models = (await askOrSay(this.needs.source, { what: "models" })).models ?? [];
    this.needs.arrived();
  }

  /** Go on asking for what the panes lack. */
  go() {
    if (!this.free) return;
    for (const go of this.waiting.splice(0)) go();
    for (const name of new Set(this.needs.names().map(modelOf))) {
      if (isCodec(name)) this.fill(name);
      else if (name !== this.needs.main()?.info.name) this.pull(name);
    }
  }

  /** What failed is tried again. */
  retry() {
    if (!this.models?.length && !this.needs.source.still) this.listed = false;
    for (const one of [...this.others.values(), ...this.codecs.values()]) {
      if (one.note) Object.assign(one, { note: "", asked: one instanceof Other && !!one.film });
    }
  }

  /** @param {string} model */
  pull(model) {
    const other = this.others.get(model) ?? new Other();
    this.others.set(model, other);
    const take = `${this.needs.state.steps}/${this.needs.state.seed}`;
    if (other.film && other.take !== take) other.film.retake();
    other.take = take;
    if (!other.asked) this.start(model, other);
    else if (other.film && other.puller && !other.puller.pulling) {
      other.film.resend();
      other.puller.pull();
    }
  }

  /**
   * Ask for the film's head.
   * @param {string} model
   * @param {Other} other
   */
  async start(model, other) {
    other.asked = true;
    const { token } = /** @type {Film} */ (this.needs.main());
    const info = this.models?.find(({ name }) => name === model);
    const common = { ...this.asked(null, info), token, what: "start", from: "beside", model };
    const got = await askOrSay(this.source, common);
    if (this.others.get(model) !== other) return;
    other.note = got.error ?? "";
    if (got.start) {
      const film = new Film(got.start);
      other.film = film;
      other.puller = this.puller(model, other);
      await other.puller.accept(got, film, { mean: film.mean, sample: film.sample });
      this.go();
    }
    this.needs.arrived();
  }

  /**
   * @param {string} model
   * @param {Other} other
   */
  puller(model, other) {
    const shown = () => this.others.get(model) === other && this.needs.names().map(modelOf).includes(model);
    const resting = () => !!other.film?.lacks(this.asked(other.film).k, this.needs.state.mode);
    const lacking = () => resting() || !!other.film?.lacksMean(this.asked(other.film).k);
    const needs = {
      source: this.source,
      film: () => (shown() ? other.film : null),
      asked: () => ({ ...this.asked(other.film), rest: resting() }),
      lacking,
      unpack: this.needs.unpack,
      say: (/** @type {string} */ text, bad = false) => {
        other.note = text;
        if (bad) other.close(); // the server may have let it go
        this.needs.arrived();
      },
      waits: () => this.needs.arrived(),
      told() {},
      arrived: () => {
        if (other.film?.started) other.note = "";
        this.needs.arrived();
      },
    };
    return new Puller(needs, this.frameOf);
  }

  /**
   * A slow model's film is asked for no more, or again.
   * @param {string} name of its pane
   */
  stopOrGoOn(name) {
    const film = this.others.get(modelOf(name))?.film;
    if (!film) return;
    film.stopped = !film.stopped;
    this.needs.arrived();
    this.go();
  }

  /**
   * What each of a pane's questions says.
   * @param {Film | null} film
   * @param {Info} [info] of its model
   */
  asked(film, info = film?.info) {
    const { steps, seed, k } = this.needs.state;
    const own = Math.max(2, steps || info?.default_steps || 8);
    const length = film ? (lengthFor(film, this.budget()) ?? film.lengths[0]) : k;
    return { token: film?.token ?? "", steps: own, seed, k: length, rest: false, beside: true };
  }

  /** @returns {Budget} */
  budget() {
    const { k, equal } = this.needs.state;
    return { k, bytes: this.needs.main()?.bytesOf(k) ?? 0, equal };
  }

  /**
   * Ask for the files that a codec lacks.
   * @param {string} codec
   */
  async fill(codec) {
    const files = this.codecs.get(codec) ?? new Files();
    this.codecs.set(codec, files);
    const main = /** @type {Film} */ (this.needs.main());
    const known = (/** @type {number} */ size) => files.reel.at.has(size) || files.none.has(size);
    const sizes = sizesOf(main, this.needs.state.k).filter((size) => !known(size));
    if (files.asked || !sizes.length) return;
    files.asked = true;
    const some = sizes.slice(0, MOST_SIZES);
    const question = { what: "view", view: "codec", of: codec, token: main.token, sizes: some };
    const got = await askOrSay(this.source, question);
    const rows = got.files ?? [];
    const bitmaps = await Promise.all(rows.map((row) => row && this.needs.unpack(row[1])));
    if (this.codecs.get(codec) !== files) {
      for (const bitmap of bitmaps) bitmap?.close();
      return;
    }
    rows.forEach((row, i) => {
      const bitmap = bitmaps[i];
      if (row && bitmap) files.reel.add(this.frameOf(["mean", ...row], bitmap));
      else files.none.add(some[i]);
    });
    files.note = got.error ?? "";
    files.asked = !!got.error; // until it is tried again
    this.needs.arrived();
    this.go(); // the dial may have moved
  }

  /**
   * The film that a pane shows, once it is there.
   * @param {string} name
   */
  filmOf(name) {
    const main = this.needs.main();
    return modelOf(name) === main?.info.name ? main : (this.others.get(modelOf(name))?.film ?? null);
  }
}
