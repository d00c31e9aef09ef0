// Compare's panes by their names: which there are, what each shows where the dial is, and the address. No DOM.
import { nearest } from "./lengths.js";

export const CODECS = ["WebP", "JPEG"];
export const MOST = 4;
const MEAN = ".mean"; // after a model's name: its mean, whatever kind the dial shows
const NAME = /^[\w.-]+$/;

/**
 * @typedef {object} Choice a pane that may be chosen
 * @property {string} name
 * @property {string} title
 * @property {string} about the same in more words
 */

/**
 * Where the dial is, for all panes.
 * @typedef {object} Budget
 * @property {number} k tokens of the film
 * @property {number} bytes that those take
 * @property {"tokens" | "bytes"} equal which of the two the panes share
 */

/** @param {string} name */
export const isCodec = (name) => CODECS.includes(name);

/** @param {string} name of a pane that is no codec */
export const modelOf = (name) => (name.endsWith(MEAN) ? name.slice(0, -MEAN.length) : name);

/**
 * The kind of picture that a pane shows of its film.
 * @param {string} name
 * @param {Film} film
 * @param {Mode} mode
 */
export const kindOf = (name, film, mode) => (name.endsWith(MEAN) ? "mean" : film.kind(mode));

/**
 * A title up to its first comma, unless others begin like it.
 * @param {Info} info
 * @param {Info[]} all
 */
function short({ title }, all) {
  const first = (/** @type {string} */ text) => text.split(",")[0];
  return all.filter((one) => first(one.title) === first(title)).length > 1 ? title : first(title);
}

/**
 * All panes that a film may have. Without a photo there is nothing to encode by other means.
 * @param {Film} film
 * @param {Info[]} models
 * @returns {Choice[]}
 */
export function choices(film, models) {
  const { alone, besides = [] } = film.info;
  const other = (/** @type {string} */ name) => name !== film.info.name && (!alone || besides.includes(name));
  const others = film.original ? models.filter(({ name }) => other(name)) : [];
  const all = [film.info, ...others];
  const codecs = film.original && film.offers("codes") ? CODECS : [];
  return [
    ...all.flatMap((info) => {
      const one = { name: info.name, title: short(info, all), about: info.title };
      const mean = {
        name: info.name + MEAN,
        title: `${one.title}: mean`,
        about: `The mean of ${info.title}`,
      };
      return info.generative || (info.modes?.length ?? 0) > 1 ? [one, mean] : [one];
    }),
    ...codecs.map((name) => ({
      name,
      title: alone ? `${name}, this browser’s` : name,
      about: `${name} files of as many bytes${alone ? ", made by this browser’s own encoder" : ""}`,
    })),
  ];
}

/**
 * The panes that are shown: those that are asked for and can be, at least two if there are two: this film's model
 * and the best other, else its own mean, else a codec.
 * @param {string[]} wanted
 * @param {Choice[]} all
 */
export function panesOf(wanted, all) {
  const can = all.map(({ name }) => name);
  const other = can.find((name, i) => i && name === modelOf(name) && !isCodec(name));
  const usual = [can[0], other ?? can[1]].filter((name) => name !== undefined);
  const found = [...new Set(wanted)].filter((name) => can.includes(name)).slice(0, MOST);
  const missing = usual.filter((name) => !found.includes(name));
  return found.length ? [...found, ...missing.slice(0, Math.max(0, 2 - found.length))] : usual;
}

/**
 * Another pane in a place; if it stands elsewhere, the two change places.
 * @param {string[]} names
 * @param {number} place
 * @param {string} name
 */
export const exchanged = (names, place, name) =>
  names.map((one, i) => {
    if (i === place) return name;
    return one === name ? names[place] : one;
  });

/**
 * The length that a pane shows, or nothing where even its shortest code has too many bytes.
 * @param {Pick<Film, "lengths" | "bytesOf">} film
 * @param {Budget} budget
 */
export function lengthFor(film, { k, bytes, equal }) {
  if (equal === "tokens") return nearest(film.lengths, k);
  return film.lengths.findLast((length) => film.bytesOf(length) <= bytes);
}

/**
 * The frame that stands for a length; with equal bytes none that is longer, if a shorter one is here.
 * @param {Film} film
 * @param {number} length
 * @param {Mode} kind
 * @param {Budget["equal"]} equal
 */
export function frameFor(film, length, kind, equal) {
  const here = kind === "sample" ? [...film.sample.have, ...film.mean.have] : film.mean.have;
  const shorter = equal === "bytes" ? here.filter((k) => k <= length) : [];
  return film.choose(shorter.length ? Math.max(...shorter) : length, kind)?.[0];
}

/**
 * How large files a codec is asked for: as many bytes as the film's ladder and the dial, ascending.
 * @param {Film} film
 * @param {number} k
 */
export function sizesOf(film, k) {
  const sizes = [...film.ladder, k].map((length) => film.bytesOf(length));
  return [...new Set(sizes)].filter((size) => size > 0).sort((a, b) => a - b);
}

/**
 * Lines over one list of places; null where a line has no point.
 * @param {[place: number, value: number][][]} lines
 */
export function merged(lines) {
  const places = [...new Set(lines.flat().map(([place]) => place))].sort((a, b) => a - b);
  const rows = lines.map((points) => {
    const at = new Map(points);
    return places.map((place) => at.get(place) ?? null);
  });
  return { places, rows };
}

/**
 * A colour for each pane: what the other plots give to the same thing, else one that is free.
 * @param {string[]} names
 * @param {Film} film
 * @param {Mode} mode
 * @param {Info[]} models
 */
export function coloursOf(names, film, mode, models) {
  /** @type {string[]} */
  const taken = [];
  const free = (/** @type {string | false} */ colour) => !!colour && !taken.includes(colour);
  for (const name of names) {
    const own = modelOf(name) === film.info.name;
    const baseline = models.some((info) => info.name === name && info.role === "baseline");
    const elsewhere = [isCodec(name) && name, own && kindOf(name, film, mode), baseline && "linear"];
    const colours = [...elsewhere, "other-1", "other-2", "other-3", "other-4"];
    taken.push(/** @type {string} */ (colours.find(free)));
  }
  return taken;
}

/**
 * What an address says of the panes: names with a space between, which it writes as "+".
 * @param {State} state
 * @returns {Record<string, string>}
 */
export function panesSaid({ panel, panes, equal }) {
  if (panel !== "compare") return {};
  /** @type {Record<string, string>} */
  const said = { panel };
  if (panes.length) said.panes = panes.join(" ");
  if (equal === "bytes") said.equal = equal;
  return said;
}

/**
 * What an address asks for.
 * @param {URLSearchParams} hash
 * @returns {Partial<State>}
 */
export function panesRead(hash) {
  /** @type {Partial<State>} */
  const state = {};
  const panes = (hash.get("panes") ?? "").split(" ").filter((name) => NAME.test(name));
  if (panes.length) state.panes = panes.slice(0, MOST);
  if (hash.get("equal") === "bytes") state.equal = "bytes";
  return state;
}
