// The models of this page: the dial's, and those that Compare sets beside it. A film's token says whose it is. No DOM.
import { fail, OTHER } from "./own.js";

/** All of them, by name; the first is the dial's. */
export class Models {
  constructor() {
    /** @type {Map<string, import("./answers.js").Answers>} */
    this.all = new Map();
  }

  get main() {
    const [main] = this.all.values();
    return main ?? fail("The model is not here yet.");
  }

  /**
   * @param {Question} question
   * @param {() => Promise<unknown>} breathe see `Tokenizer.decode`
   * @returns {Promise<Answer>}
   * @throws {Error} a sentence
   */
  async answer(question, breathe) {
    const token = String(question.token);
    if (question.from === "beside") {
      const other = this.all.get(String(question.model)) ?? fail(OTHER);
      return other.beside(this.main.studio.film(token));
    }
    const others = [...this.all.values()].filter((one) => one !== this.main);
    const whose = others.find((one) => token.startsWith(one.prefix)) ?? this.main;
    return whose.answer(question, breathe);
  }
}
