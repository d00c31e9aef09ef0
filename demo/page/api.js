// What the forms around the dial, a console and tests may call: `window.dial`.
import { one, save, savePicture } from "./dom.js";
import { madeOf } from "./png.js";
import { read } from "./state.js";
import { bytes } from "./tokens.js";

const LET_GO = 250; // ms until a slider counts as let go

/**
 * The page's parts that this reaches into.
 * @typedef {object} Parts
 * @property {{ leave(): void }} sweep
 * @property {{ plot: import("./plot.js").Plot, save(): void }} spectrum
 * @property {{ plot: import("./plot.js").Plot, save(): void }} curves
 * @property {{ spectra: import("./plot.js").Plot, curves: import("./plot.js").Plot }} panes
 * @property {{ open(name: string): void }} tabs
 * @property {() => Frame | null} shown
 * @property {(token: string) => Promise<Answer>} forget
 */

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @param {Parts} parts
 */
export function api(root, act, parts) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let opening;

  const forget = async () => {
    if (!act.film) return;
    act.say("Forgetting the photo…", false, Number.POSITIVE_INFINITY);
    const got = await parts.forget(act.film.token);
    if (got.forgotten || got.gone) location.assign(location.pathname);
    else act.say(got.error ?? "", true);
  };

  return {
    /** Called after a frame was painted: with the dial's length and the one that is shown. */
    onpaint: /** @type {((k: number, shown: number) => void) | null} */ (null),
    set(/** @type {number} */ k) {
      parts.sweep.leave();
      act.turn(k);
      act.settled();
    },
    /** Go where a link into the page says: a photo, a length, a kind, one of the overlays, a panel. */
    async visit(/** @type {URLSearchParams} */ hash) {
      const { state } = read(new URL(`#${hash}`, location.href));
      const { overlay = "", mode, panel, scene = "", panes = [], equal = "tokens", seed = 0 } = state;
      const photo = hash.get("photo");
      const tokens = hash.get("t");
      if (photo && act.film?.example !== photo) await act.open({ from: "example", photo });
      if (tokens && (await act.open({ from: "link", tokens }))) return; // it is said what was wrong
      if (hash.has("seed")) act.retake(act.state.steps, seed);
      if (hash.has("mode") && mode) act.mode(mode);
      if (panel === "compare") act.change({ panes, equal });
      if (panel) parts.tabs.open(panel);
      if (hash.has("k")) this.set(Number(hash.get("k")));
      act.change({ overlay, scene });
    },
    address: act.address,
    open(/** @type {Question} */ question) {
      clearTimeout(opening);
      if (question.from !== "again") act.open(question);
      else if (act.film) opening = setTimeout(act.open, LET_GO, question);
    },
    /** Other samples: how many steps, and which seed; what is not said stays. */
    take(/** @type {number | null} */ steps, /** @type {number | null} */ seed) {
      act.retake(steps ?? act.state.steps, seed ?? act.state.seed);
    },
    mode: act.mode,
    picture() {
      const canvas = /** @type {HTMLCanvasElement} */ (one(root, ".pic"));
      const frame = parts.shown();
      if (!frame || !act.film) return;
      savePicture(canvas, `tokens-${frame.length}.png`, madeOf(act.film, [frame], act.state));
    },
    curves: parts.curves.save,
    spectra: parts.spectrum.save,
    forget() {
      forget(); // whoever calls does not wait: it lasts until the server is there
    },
    tokens() {
      const packed = act.film?.told.tokens;
      if (packed) save(new Blob([bytes(packed)]), "photo.tokens");
    },
    plots: {
      spectrum: parts.spectrum.plot,
      curves: parts.curves.plot,
      panesSpectrum: parts.panes.spectra,
      panesCurves: parts.panes.curves,
    },
    get k() {
      return act.state.k;
    },
    get seed() {
      return act.state.seed;
    },
    get shown() {
      return parts.shown()?.length ?? -1;
    },
    get badge() {
      return one(root, ".badge").textContent;
    },
    get done() {
      return !!act.film?.done;
    },
    get loaded() {
      const { film } = act;
      return { mean: film?.mean.at.size ?? 0, sample: film?.sample.at.size ?? 0 };
    },
  };
}
