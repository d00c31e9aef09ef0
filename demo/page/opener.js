// Another film: only the newest question's answer counts. No DOM.
import { askOrSay } from "./source.js";

/** Asks for films, one after the other. */
export class Opener {
  /** @param {Source} source */
  constructor(source) {
    this.source = source;
    this.run = 0;
  }

  /**
   * The answer, or a sentence; null where something newer was asked for meanwhile.
   * @param {Question | Bringing} what
   * @param {() => Question} common what each question says
   * @returns {Promise<Answer | null>}
   */
  async open(what, common) {
    this.run += 1;
    const mine = this.run;
    const got = await this.answer(what, common, mine);
    return mine === this.run ? got : null;
  }

  /**
   * @param {Question | Bringing} what
   * @param {() => Question} common
   * @param {number} mine
   * @returns {Promise<Answer>}
   */
  async answer(what, common, mine) {
    const wanted = () => mine === this.run;
    try {
      const question = typeof what === "function" ? await what(wanted) : what;
      if (!wanted()) return {};
      return askOrSay(this.source, { ...common(), what: "start", ...question }, wanted);
    } catch (why) {
      return { error: /** @type {Error} */ (why).message };
    }
  }
}
