// What a pane of Compare shows: a picture, its size, and its line in the plots. No DOM.
import { frameFor, isCodec, kindOf, lengthFor, modelOf } from "./panes.js";
import { waited } from "./wait.js";

/** @typedef {import("./beside.js").Beside} Beside */

/**
 * @typedef {object} Seen
 * @property {Frame} [frame]
 * @property {number} [tokens] that it has; codecs have none
 * @property {number} [bytes] that it has, of a codec's file at most
 * @property {string} note why there is no picture; else ""
 * @property {string} [stop] what a press of a button would do for a slow model's film
 */

/**
 * What a pane shows where the dial is.
 * @param {Beside} beside
 * @param {string} name
 * @returns {Seen}
 */
export function seen(beside, name) {
  const budget = beside.budget();
  if (isCodec(name)) return file(beside, name, budget.bytes);
  const film = beside.filmOf(name);
  const stop = film?.wait && film !== beside.needs.main() && (film.stopped || !film.done) ? verb(film) : "";
  if (!film?.started) {
    const note = film?.wait ? waited(film) : beside.others.get(modelOf(name))?.note;
    return { note: note || "A moment…", stop };
  }
  const length = lengthFor(film, budget);
  if (length === undefined) {
    return { note: `Its shortest code has ${film.bytesOf(film.lengths[0])} bytes.`, stop };
  }
  const frame = frameFor(film, length, kindOf(name, film, beside.needs.state.mode), budget.equal);
  const count = frame?.length ?? length;
  return { frame, tokens: count, bytes: film.bytesOf(count), note: "", stop };
}

const verb = (/** @type {Film} */ film) => (film.stopped ? "go on" : "stop");

/**
 * The largest file of a codec that is here and not too large.
 * @param {Beside} beside
 * @param {string} codec
 * @param {number} bytes
 * @returns {Seen}
 */
function file(beside, codec, bytes) {
  const files = beside.codecs.get(codec);
  const sizes = (files?.reel.have ?? []).filter((size) => size <= bytes);
  const size = Math.max(...sizes);
  if (files && sizes.length) return { frame: files.reel.at.get(size), bytes: size, note: "" };
  return { note: files?.note || (files?.none.size ? `No ${codec} file has so few bytes.` : "A moment…") };
}

/**
 * The kind of a pane's pictures that the plots show: the mean while there is no sample.
 * @param {Beside} beside
 * @param {string} name of a pane that is no codec
 * @param {Film} film
 */
function plotted(beside, name, film) {
  const kind = kindOf(name, film, beside.needs.state.mode);
  return film[kind].at.size ? kind : "mean";
}

/**
 * What a measure says of a pane at all lengths that are here, by tokens or by bytes: a codec's files stand at the
 * tokens that have as many bytes.
 * @param {Beside} beside
 * @param {string} name
 * @param {import("./measures.js").Measure} measure
 * @returns {[place: number, value: number][]}
 */
export function points(beside, name, measure) {
  const main = beside.needs.main();
  const reel = beside.codecs.get(name)?.reel;
  const byBytes = beside.needs.state.equal === "bytes";
  const film = isCodec(name) ? null : beside.filmOf(name);
  const per = main?.info.bytes_per_token ?? 1;
  if (film) {
    const place = (/** @type {number} */ k) => (byBytes ? film.bytesOf(k) : k);
    return line(film, plotted(beside, name, film), measure, place);
  }
  const like = /** @type {Film} */ (/** @type {unknown} */ ({ mean: reel }));
  return reel ? line(like, "mean", measure, (size) => (byBytes ? size : size / per)) : [];
}

/**
 * @param {Film} film
 * @param {Mode} kind
 * @param {import("./measures.js").Measure} measure
 * @param {(length: number) => number} place
 * @returns {[place: number, value: number][]}
 */
const line = (film, kind, measure, place) =>
  film[kind].have
    .sort((a, b) => a - b)
    .map((k) => /** @type {[number, number]} */ ([place(k), measure.of(film, kind, k) ?? Number.NaN]))
    .filter(([, value]) => value > 0);
