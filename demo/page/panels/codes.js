// Is a long code a short one and more? How widely does a token look in each pass? Asked when it is opened.
import { one, put } from "../dom.js";
import { Plot } from "../plot.js";

const percent = (/** @type {number} */ share) => `${Math.round(100 * share)} %`;

/**
 * The two lengths that the question names: one and its double, where there are such.
 * @param {number[]} ladder
 * @returns {[number, number]}
 */
export function pairOf(ladder) {
  const lengths = ladder.filter((k) => k > 0);
  const doubled = lengths.filter((k) => lengths.includes(2 * k));
  const short = doubled.find((k) => k >= 32) ?? doubled.at(-1);
  return short ? [short, 2 * short] : [lengths[0], lengths[1]];
}

/**
 * The answer.
 * @param {Change[]} rows
 * @param {[number, number]} pair
 */
export function answer(rows, [short, long]) {
  const row = rows.find((each) => each[0] === short && each[1] === long);
  if (!row) return "";
  if (!rows.some((each) => each[2])) {
    const same = `the first ${short} of ${long} tokens are the code of ${short}`;
    return `Yes, here: ${same}. Not one bit differs, at no length.`;
  }
  const bits = `${percent(row[3])} of their bits`;
  const others = `${percent(row[2])} of the first ${short} tokens are others (${bits})`;
  const scale = "Of codes of two different photos about half of the bits would differ.";
  return `No: ${others}. Each pass rewrites all tokens. ${scale}`;
}

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @returns {Panel}
 */
export function codes(root, act) {
  const box = /** @type {HTMLDetailsElement} */ (one(root, ".codes"));
  const words = one(root, ".nested");
  const figures = [".of-change", ".of-sharpness"].map((name) => one(root, name));
  const lengths = () => ({
    name: "tokens of the code",
    range: /** @type {[number, number]} */ ([0, 256]),
    at: /** @type {number[]} */ ([]),
    tell: String,
  });
  const [short, passes] = [lengths(), lengths()];
  const change = new Plot(
    one(root, ".nesting"),
    [
      { name: "tokens", width: 2.2 },
      { name: "bits", dash: [4, 3] },
    ],
    short,
    { name: "share rewritten", range: [0, 1], at: [0, 0.25, 0.5, 0.75, 1], tell: percent },
  );
  const wide = {
    name: "entropy of its map, bits",
    range: /** @type {[number, number]} */ ([0, 8]),
    tell: (/** @type {number} */ value) => String(Number(value.toFixed(2))),
  };
  const sharp = new Plot(
    one(root, ".sharpness"),
    [{ name: "entropy", colour: "mean", width: 2.2 }],
    passes,
    wide,
  );
  let asked = "";

  /** @param {import("../plot.js").Axis & { at: number[] }} axis @param {number[]} at */
  const span = (axis, at) => {
    axis.at = at;
    axis.range = [at[0], /** @type {number} */ (at.at(-1))];
  };
  const showChange = (/** @type {Film} */ film, /** @type {Change[]} */ rows) => {
    put(words, answer(rows, pairOf(film.ladder)));
    figures[0].hidden = !rows.some((row) => row[2]);
    if (figures[0].hidden) return;
    span(
      short,
      rows.map((row) => row[0]),
    );
    change.show([rows.map((row) => row[0]), rows.map((row) => row[2]), rows.map((row) => row[3])]);
    change.repaint();
  };
  const showSharp = (/** @type {Record<string, number>} */ bits) => {
    const at = Object.keys(bits).map(Number);
    figures[1].hidden = at.length < 2;
    if (figures[1].hidden) return;
    span(passes, at);
    const values = Object.values(bits);
    wide.range = [Math.floor(2 * Math.min(...values)) / 2, Math.ceil(2 * Math.max(...values)) / 2];
    sharp.show([at, values]);
    sharp.repaint();
  };

  const ask = async () => {
    const { film } = act;
    if (!film?.told.tokens || !box.open || asked === film.token || box.hidden) return;
    asked = film.token;
    const { nesting = [], error } = await act.view("nesting", {});
    if (act.film !== film) return;
    if (error) put(words, error);
    else showChange(film, nesting);
    if (!film.offers("sharpness") || !film.original) return;
    const { sharpness } = await act.view("sharpness", {});
    if (act.film === film && sharpness) showSharp(sharpness);
  };
  box.addEventListener("toggle", ask);

  return {
    begin(film) {
      box.hidden = act.still || !film.info.views?.includes("nesting") || film.lengths.length < 2;
      box.open = film.info.ordered === false;
      put(words, "");
      for (const figure of figures) figure.hidden = true;
      const [few, many] = pairOf(film.ladder);
      put(one(root, ".n-short"), String(few));
      put(one(root, ".n-long"), String(many));
      put(one(root, ".n-rest"), String(many - few));
    },
    told: ask,
    settle: ask,
  };
}
