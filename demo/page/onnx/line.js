// The questions that wait for the one model: the more urgent first, the newest film's only. No DOM.
import { Stale } from "./tokenizer.js";

const URGENCY = /** @type {Record<string, number>} */ ({ start: 3, forget: 3, whole: 2, adopt: 2, view: 1 });
const STALE = "Something newer was asked for meanwhile.";
const MOMENT = "A moment…";

/**
 * What is said of a fault. A runtime that is out of memory throws numbers.
 * @param {unknown} why
 */
export const sentenceOf = (why) =>
  why instanceof Error
    ? why.message
    : "The model stopped: this device may lack memory. Please load the page anew.";

/**
 * @typedef {object} Waiting
 * @property {Question} question
 * @property {number} film which start it came after
 * @property {(answer: Answer) => void} done
 */

/** One question is answered at a time. Another film ends what is on its way for the one before. */
export class Line {
  /**
   * @param {(question: Question, breathe: () => Promise<void>) => Promise<Answer>} answer may throw a sentence
   * @param {() => Promise<unknown>} pause lets messages in
   */
  constructor(answer, pause) {
    this.answer = answer;
    this.pause = pause;
    /** @type {Waiting[]} */
    this.waiting = [];
    this.busy = false;
    this.films = 0; // that were asked for so far
  }

  /**
   * @param {Question} question
   * @returns {Promise<Answer>}
   */
  ask(question) {
    if (question.what === "start" && question.from !== "beside") this.films += 1;
    return new Promise((done) => {
      this.waiting.push({ question, film: this.films, done });
      this.go();
    });
  }

  async go() {
    if (this.busy) return;
    this.busy = true;
    for (let next = this.next(); next; next = this.next()) {
      next.done(await this.reply(next));
    }
    this.busy = false;
  }

  next() {
    const urgency = (/** @type {Waiting} */ { question }) => URGENCY[String(question.what)] ?? 0;
    const most = this.waiting.reduce(
      (best, one) => (urgency(one) > urgency(best) ? one : best),
      this.waiting[0],
    );
    this.waiting = this.waiting.filter((one) => one !== most);
    return most;
  }

  /**
   * @param {Waiting} waiting
   * @returns {Promise<Answer>}
   */
  async reply({ question, film }) {
    const breathe = async () => {
      await this.pause();
      if (film !== this.films) throw new Stale(STALE);
    };
    try {
      await breathe();
      return await this.answer(question, breathe);
    } catch (why) {
      // a pull is asked once more, if its film is still shown
      const stale = why instanceof Stale && question.what === undefined;
      return stale ? { note: MOMENT } : { error: sentenceOf(why) };
    }
  }
}
