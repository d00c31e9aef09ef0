// What the visitor turned and chose, as one object, and the address that says the same.
import { urlsafe } from "./tokens.js";

const OVERLAYS = ["", "on", "add", "less"];
const PANELS = ["explore", "measure", "compare", "chance", "play", "share"];

/** @returns {State} */
export const fresh = () => ({
  k: 32,
  mode: "sample",
  steps: 0,
  seed: 0,
  model: "",
  overlay: "",
  token: 1,
  follow: true,
  panel: "explore",
  scene: "",
});

/**
 * A whole number of an address; `otherwise` where it is none.
 * @param {string | null} text
 * @param {number} otherwise
 */
const whole = (text, otherwise) => {
  const number = Math.trunc(Number(text ?? Number.NaN));
  return Number.isFinite(number) && number >= 0 ? number : otherwise;
};

/**
 * What an address says: its query names an example, its hash holds the rest.
 * @param {URL} url
 * @returns {Link}
 */
export function read(url) {
  const hash = new URLSearchParams(url.hash.slice(1));
  const named = hash.has("name");
  const k = whole(hash.get("k"), 32);
  /** @type {Partial<State>} */
  const state = { seed: whole(hash.get("seed"), 0), mode: hash.get("mode") === "mean" ? "mean" : "sample" };
  if (named) state.k = 1;
  else if (hash.has("k")) state.k = k;
  const panel = hash.get("panel");
  if (panel && PANELS.includes(panel)) state.panel = panel;
  if (hash.has("scene")) state.scene = hash.get("scene") ?? "";
  const show = hash.get("show") ?? "";
  if (OVERLAYS.includes(show)) state.overlay = /** @type {Overlay} */ (show);
  return {
    photo: url.searchParams.get("photo") ?? "",
    tokens: hash.get("t") ?? "",
    named,
    sender: whole(hash.get("k"), 0),
    state,
  };
}

/**
 * An address. The whole one opens anywhere: an example by its name, all else by its tokens; the address bar's
 * never holds a visitor's own photo.
 * @param {State} state
 * @param {{ example: string, original: string | null, tokens: string, home: string }} film
 * @param {string} here the present address
 * @param {boolean} all
 * @param {Record<string, string | number>} more
 */
export function write(state, film, here, all, more = {}) {
  const whole = all || !film.original;
  const url = new URL((whole && film.home) || here);
  const { k, seed, mode } = state;
  const said = whole ? { k, seed, mode, ...more } : { k };
  const hash = new URLSearchParams(Object.entries(said).map(([name, value]) => [name, String(value)]));
  if (whole && !film.example) hash.set("t", urlsafe(film.tokens));
  if (film.example) url.searchParams.set("photo", film.example);
  else url.searchParams.delete("photo");
  url.hash = hash.toString();
  return url.href;
}

/**
 * What an address says of a film; before the first one came, what the link said.
 * @param {Film | null} film
 * @param {Link} link
 */
export const told = (film, link) => ({
  example: film?.example ?? "",
  original: film?.original ?? null,
  tokens: film?.told.tokens ?? link.tokens,
  home: film?.start.home ?? "",
});

/**
 * What each question says.
 * @param {State} state
 * @param {Film | null} film
 * @param {boolean} rest whether the dial rests in want of a sample
 */
export const asks = ({ k, seed, steps, model }, film, rest) => ({
  token: film?.token ?? "",
  steps: Math.max(2, steps || film?.info.default_steps || 8),
  seed,
  k,
  model,
  rest,
});
