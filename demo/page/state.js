// What the visitor turned and chose, as one object, and the address that says the same.
import { panesRead, panesSaid } from "./panes.js";
import { tokensOf, urlsafe } from "./tokens.js";

const OVERLAYS = ["", "on", "add", "less", "right", "open"];
const PANELS = ["explore", "measure", "compare", "needs", "chance", "play", "share"];
const MODES = ["mean", "sharp"];

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
  turned: false,
  panes: [],
  equal: "tokens",
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
 * The link that stands where an address has tokens: somebody pasted all of it.
 * @param {string} hash
 */
function linkInside(hash) {
  const text = /[#&]t=(?:%20|\s)*(https?(?::|%3a).+)/is.exec(hash)?.[1] ?? "";
  try {
    return new URL(text.includes("#") ? text : decodeURIComponent(text));
  } catch {
    return null;
  }
}

/**
 * What an address says: its query names an example, its hash holds the rest.
 * @param {URL} url
 * @returns {Link}
 */
export function read(url) {
  const inside = linkInside(url.hash);
  if (inside) return read(inside);
  const hash = new URLSearchParams(url.hash.slice(1));
  const named = hash.has("name");
  const k = whole(hash.get("k"), 32);
  /** @type {Partial<State>} */
  const state = { seed: whole(hash.get("seed"), 0), mode: "sample" };
  const mode = hash.get("mode") ?? "";
  if (MODES.includes(mode)) state.mode = /** @type {Mode} */ (mode);
  const model = url.searchParams.get("model");
  if (model) state.model = model;
  if (named) state.k = 1;
  else if (hash.has("k")) state.k = k;
  const panel = hash.get("panel");
  if (panel && PANELS.includes(panel)) state.panel = panel;
  if (hash.has("scene")) state.scene = hash.get("scene") ?? "";
  Object.assign(state, panesRead(hash));
  const show = hash.get("show") ?? "";
  if (OVERLAYS.includes(show)) state.overlay = /** @type {Overlay} */ (show);
  return {
    photo: url.searchParams.get("photo") ?? "",
    tokens: hash.has("t") ? tokensOf(url.hash) : "",
    named,
    sender: whole(hash.get("k"), 0),
    state,
  };
}

/**
 * An address. The whole one opens anywhere: an example by its name, all else by its tokens; the address bar's
 * never holds a visitor's own photo, and says only what is not as usual.
 * @param {State} state
 * @param {{ example: string, original: string | null, tokens: string, home: string }} film
 * @param {string} here the present address
 * @param {boolean} all
 * @param {Record<string, string | number>} more
 */
export function write(state, film, here, all, more = {}) {
  const whole = all || !film.original;
  const url = new URL((whole && film.home) || here);
  const { k, seed, mode, overlay: show, scene } = state;
  const kind = whole ? { seed, mode } : { seed: seed || "", mode: mode === "mean" ? mode : "" };
  const seen = more.name ? {} : { show, scene }; // a round's link gives nothing away
  const said = Object.entries({ k, ...kind, ...seen, ...(whole ? more : {}), ...panesSaid(state) });
  const hash = new URLSearchParams(
    said.flatMap(([name, value]) => (value === "" ? [] : [[name, String(value)]])),
  );
  if (whole && !film.example) hash.set("t", urlsafe(film.tokens));
  if (film.example) url.searchParams.set("photo", film.example);
  else url.searchParams.delete("photo");
  if (state.model) url.searchParams.set("model", state.model);
  else url.searchParams.delete("model");
  url.hash = hash.toString();
  return url.href;
}

/**
 * What an address says of a film; before the first one came, what the link said. Of a model with a code a length
 * it holds the code that is shown.
 * @param {Film | null} film
 * @param {Link} link
 * @param {number} k
 */
export const told = (film, link, k) => ({
  example: film?.example ?? "",
  original: film?.original ?? null,
  tokens: film?.told.codes?.[k] ?? film?.told.tokens ?? (film?.original ? "" : link.tokens),
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
