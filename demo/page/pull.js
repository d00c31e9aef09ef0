// Asks until nothing is lacking. Answers to an older film, or to older samples, are dropped. No DOM.

/** @import { Reel } from "./film.js" */
/** @typedef {{ mean: Reel, sample: Reel }} Reels the film's own when a question was asked */

/**
 * What the puller needs of the page.
 * @typedef {object} Needs
 * @property {Source} source
 * @property {() => Film | null} film the newest one
 * @property {() => Question & { k: number }} asked which film, which samples, where the dial is
 * @property {() => boolean} lacking whether the dial rests in want of a sample
 * @property {(webp: string) => Promise<ImageBitmap>} unpack
 * @property {(text: string, bad?: boolean) => void} say
 * @property {(film: Film) => void} waits it is known how long a film's pictures take
 * @property {(told: Told) => void} told facts came
 * @property {() => void} arrived frames came
 * @property {(ms: number) => Promise<void>} [wait]
 */

const NOTED = 0.3; // seconds after a note, unless it says another time
const sleep = (/** @type {number} */ ms) => new Promise((soon) => setTimeout(soon, ms));

/** The page's one loop of questions. */
export class Puller {
  /**
   * @param {Needs} needs
   * @param {(row: Row, bitmap: ImageBitmap) => Frame} frameOf
   */
  constructor(needs, frameOf) {
    this.needs = needs;
    this.frameOf = frameOf;
    this.pulling = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.later = undefined;
    /** @type {Promise<unknown> | null} */
    this.unpacked = null;
  }

  /**
   * An answer: what is no frame at once, the frames when they are unpacked.
   * @param {Answer} got
   * @param {Film} film
   * @param {Reels} reels
   */
  async accept(got, film, reels) {
    const told = got.told ?? {};
    const reelOf = (/** @type {Mode} */ mode) => (mode === "mean" ? reels.mean : reels.sample);
    Object.assign(film.told, told);
    if (told.guess) {
      for (const mode of film.modes) {
        const [guess, agreement] = [told.guess[mode], told.agreement?.[mode]];
        reelOf(mode).seen = { guess, agreement, photo: told.guess.photo };
      }
    }
    this.needs.told(told);
    const rows = got.frames ?? [];
    for (const [mode, k] of rows) reelOf(mode).sent.push(k);
    const frames = await Promise.all(
      rows.map(async (row) => this.frameOf(row, await this.needs.unpack(row[2]))),
    );
    for (const frame of frames) {
      const reel = reelOf(frame.mode);
      const current = this.needs.film() === film && film[frame.mode] === reel;
      if (current) reel.add(frame);
      else frame.bitmap.close();
    }
    this.needs.arrived();
  }

  /** Go on asking, unless that goes on already or all is there. */
  async pull() {
    clearTimeout(this.later);
    const film = this.needs.film();
    if (!film || film.stopped || this.pulling || (film.done && !this.needs.lacking())) return;
    this.pulling = true;
    try {
      while (await this.round()) {
        /* the next question */
      }
      this.needs.arrived();
    } catch {
      this.later = setTimeout(() => this.pull(), 1000); // the next question may do better
    }
    this.pulling = false;
  }

  /** One question and its answer; whether there is another one to ask. */
  async round() {
    const film = this.needs.film();
    if (!film || film.stopped) return false;
    const { mean, sample } = film;
    const lack = {
      ...this.needs.asked(),
      patient: film.wait !== null,
      means: mean.sent,
      samples: sample.sent,
      told: Object.keys(film.told),
    };
    const got = await this.needs.source.ask(lack, () => this.needs.film() === film);
    if (this.needs.film() !== film) return true; // stale: of an older film
    if (got.error) {
      this.needs.say(got.error, true);
      return false;
    }
    if (got.wait) {
      if (sample === film.sample) film.wait = got.wait;
      this.needs.waits(film);
      return true;
    }
    if (got.note) {
      this.needs.say(got.note);
      await (this.needs.wait ?? sleep)(1000 * (got.again ?? NOTED));
      return true;
    }
    this.unpacked = Promise.all([this.unpacked, this.accept(got, film, { mean, sample })]);
    if (got.frames?.length) return true; // the server goes on meanwhile
    await this.unpacked;
    if (this.needs.film() !== film) return true;
    film.done = sample === film.sample;
    const moved = lack.k !== this.needs.asked().k;
    return !film.done || (moved && this.needs.lacking());
  }
}
