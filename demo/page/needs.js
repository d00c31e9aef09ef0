// How many tokens does it need? The criteria, the pictures that are asked for, and what came. No DOM.
import { tokens } from "./lengths.js";

export const MOST = 24; // pictures at a time
export const OURS = ["sky", "face", "street", "text", "noise", "chessboard"];

/**
 * @typedef {object} Criterion
 * @property {string} name for people
 * @property {string} unit
 * @property {number} usual threshold
 * @property {[number, number, number]} range lowest, highest, step
 * @property {boolean} more whether more is better
 */

/** @type {Record<string, Criterion>} as tokenizer_core has them */
export const CRITERIA = {
  l1: { name: "mean absolute error", unit: "", usual: 0.07, range: [0.02, 0.2, 0.005], more: false },
  psnr: { name: "PSNR", unit: " dB", usual: 20, range: [12, 32, 0.5], more: true },
  label: {
    name: "same name, says a classifier",
    unit: "",
    usual: 0.001,
    range: [0.001, 0.9, 0.001],
    more: true,
  },
  feature: {
    name: "distance of a classifier’s features",
    unit: "",
    usual: 0.5,
    range: [0.1, 0.9, 0.02],
    more: false,
  },
  spectrum: { name: "detail off, × 10", unit: "", usual: 1, range: [0.1, 3, 0.1], more: false },
};

/**
 * A threshold in words.
 * @param {Criterion} criterion
 * @param {number} value
 */
export const inWords = ({ more, unit }, value) => `${more ? "at least" : "at most"} ${value}${unit}`;

/**
 * A picture that is asked for, and what each model said of it; an error instead.
 * @typedef {object} Row
 * @property {string} name
 * @property {() => Promise<Question>} ask what names it: one of ours, or a file that is sent once
 * @property {string} [original] WebP in base64
 * @property {string} [error]
 * @property {Record<string, { need: Need, webp: string }>} of by model
 */

/**
 * Those with the least need first, by tokens and then by score; then those that were never near enough, the nearest
 * first; then what is not known yet.
 * @param {Row[]} rows
 * @param {string} model
 * @param {boolean} more whether a larger score is better
 */
export function sorted(rows, model, more) {
  const key = (/** @type {Row} */ row) => {
    const need = row.of[model]?.need;
    if (!need) return [3, 0, 0];
    const score = need.score ?? (more ? Number.POSITIVE_INFINITY : 0);
    return need.reached ? [1, need.tokens, more ? -score : score] : [2, more ? -score : score, 0];
  };
  return [...rows].sort((a, b) => {
    const [one, other] = [key(a), key(b)];
    const at = one.findIndex((value, i) => value !== other[i]);
    return at < 0 ? 0 : one[at] - other[at];
  });
}

/**
 * What a picture needs, in words.
 * @param {Need} need
 */
export function needed({ tokens: count, bytes, reached }) {
  const words = `${tokens(count)}, ${bytes.toLocaleString("en")} bytes`;
  return reached ? words : `not reached; nearest with ${words}`;
}

/**
 * All pictures together, in words. What is never near enough has no need: its nearest length may be a short one.
 * @param {Row[]} rows
 * @param {string} model
 */
export function together(rows, model) {
  const known = rows.flatMap((row) => row.of[model]?.need ?? []);
  if (!known.length) return "";
  const enough = known.filter((need) => need.reached);
  const never = known.length - enough.length;
  if (!enough.length) return `None of ${known.length} is ever near enough`;
  const mean = enough.reduce((sum, need) => sum + need.tokens, 0) / enough.length;
  const who = never
    ? `${enough.length} of ${known.length} pictures are near enough, with`
    : "A picture takes";
  return `${who} ${tokens(Math.round(mean))} on average`;
}

/**
 * The model whose answer stands beside: the first main one of the other kind, ordered or not.
 * @param {Choice[]} models
 * @param {string} name
 */
export function besides(models, name) {
  const own = models.find((model) => model.name === name);
  return models.find((model) => model.role === "main" && model.ordered !== own?.ordered)?.name ?? "";
}

/** Asks for pictures, one after the other: all of the first model, then of the second. A newer run ends an older. */
export class Asker {
  /**
   * @param {(question: Question) => Promise<Answer>} ask
   * @param {() => void} came something did
   * @param {(ms: number) => Promise<void>} [wait]
   */
  constructor(ask, came, wait = (ms) => new Promise((soon) => setTimeout(soon, ms))) {
    this.ask = ask;
    this.came = came;
    this.wait = wait;
    this.run = 0;
  }

  /**
   * @param {Row[]} rows
   * @param {string[]} models
   * @param {{ criterion: string, threshold: number }} until
   */
  async start(rows, models, until) {
    this.run += 1;
    const mine = this.run;
    for (const row of rows) {
      row.of = {};
      row.error = undefined;
    }
    this.came();
    for (const model of models) {
      for (const row of rows) {
        if (row.error) continue;
        const got = await this.answer(row, { ...until, model, what: "need" }, mine);
        if (mine !== this.run) return;
        if (got.need && got.webp) row.of[model] = { need: got.need, webp: got.webp };
        row.original = got.original ?? row.original;
        row.error = got.error;
        this.came();
      }
    }
  }

  /**
   * @param {Row} row
   * @param {Question} question
   * @param {number} mine
   * @returns {Promise<Answer>}
   */
  async answer(row, question, mine) {
    try {
      const which = await row.ask();
      for (;;) {
        if (mine !== this.run) return {};
        const got = await this.ask({ ...question, ...which });
        if (!got.note) return got;
        await this.wait(300); // the model is loading
      }
    } catch (why) {
      return { error: /** @type {Error} */ (why).message };
    }
  }

  stop() {
    this.run += 1;
  }
}
