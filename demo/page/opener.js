// Another film: only the newest question's answer counts. No DOM.
import { askOrSay } from "./source.js";

/** Asks for films, one after the other. */
export class Opener {
  /**
   * @param {Source} source
   * @param {{ said?: (note: string) => void, wait?: (ms: number) => Promise<unknown> }} [around]
   */
  constructor(source, around = {}) {
    this.source = source;
    this.around = around;
    this.run = 0;
    this.ended = 0; // the run that was answered last
  }

  /** Whether something was asked for that is not answered yet. */
  get busy() {
    return this.run !== this.ended;
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
    if (mine !== this.run) return null;
    this.ended = mine;
    return got;
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
      return askOrSay(this.source, { ...common(), what: "start", ...question }, wanted, this.around);
    } catch (why) {
      return { error: /** @type {Error} */ (why).message };
    }
  }
}

/**
 * The first film: of the address, else an example. Tokens, or a model, that are not of this page leave a sentence.
 * @param {Link} link
 * @param {(question: Question) => Promise<string | undefined>} bring gives what went wrong
 * @returns {Promise<string | undefined>}
 */
export async function wake({ tokens, photo, state }, bring) {
  const wrong = tokens ? await bring({ from: "link", tokens }) : undefined;
  if (tokens && !wrong) return undefined;
  const example = { from: "example", photo };
  const none = await bring(example);
  if (none && state.model) await bring({ ...example, model: "" });
  return wrong ?? none;
}
