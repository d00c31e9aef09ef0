// Compare's two plots: one spectrum and one curve plot hold the lines of all panes, in the panes' colours.
import { one, sight } from "./dom.js";
import { octave } from "./lengths.js";
import { ends, MEASURES } from "./measures.js";
import { merged } from "./panes.js";
import { Plot } from "./plot.js";
import { cycles, NONE, power, powers, XS } from "./spectra.js";

const UNITS = [2, 0.1, 0.25]; // the axis ends on these, a measure each
const FEW_MARKS = 9; // on an axis

/**
 * What a pane gives to the plots.
 * @typedef {object} Drawn
 * @property {string} title
 * @property {string} colour its name
 * @property {Frame} [frame]
 * @property {[number, number]} scale of its spectra
 * @property {[place: number, value: number][]} points
 */

/**
 * Powers of two or four up to an end, and nothing.
 * @param {number} last
 */
export function marksTo(last) {
  const twos = Array.from({ length: Math.floor(Math.log2(Math.max(1, last))) + 1 }, (_, n) => 2 ** n);
  return [0, ...(twos.length > FEW_MARKS ? twos.filter((_, n) => n % 2 === 0) : twos)];
}

/** Both plots. */
export class Together {
  /**
   * @param {HTMLElement} root the panel
   * @param {number} most panes
   */
  constructor(root, most) {
    const lines = () => Array.from({ length: most }, () => ({ name: "", colour: "quiet", width: 2 }));
    this.measures = /** @type {HTMLSelectElement} */ (one(root, ".panes-measure"));
    this.power = power();
    this.x = { name: "tokens", range: /** @type {[number, number]} */ ([0, 8]), at: [0, 8], tell: this.told };
    this.y = {
      name: MEASURES[0].name,
      range: /** @type {[number, number]} */ ([0, 1]),
      tell: (/** @type {number} */ value) => String(Number(value.toFixed(2))),
    };
    const photo = { name: "photo", dash: [4, 3] };
    this.spectra = new Plot(one(root, ".panes-spectrum"), [photo, ...lines()], cycles(), this.power);
    this.curves = new Plot(one(root, ".panes-curves"), lines(), this.x, this.y);
    this.mark = Object.assign(document.createElement("div"), { className: "mark" });
    this.curves.box.addEventListener("drawn", () => this.curves.drawn?.over.append(this.mark));
    this.sight = sight(this.curves.box);
    this.keys = one(root, ".panes-keys");
    this.last = 1; // the axis's end
    this.drawn = "";
    /** @type {WeakMap<Frame, (number | null)[]>} */
    this.made = new WeakMap();
  }

  told(/** @type {number} */ place) {
    return String(Number((2 ** place - 1).toPrecision(4)));
  }

  get measure() {
    return MEASURES[this.measures.selectedIndex];
  }

  /**
   * Whose line is whose.
   * @param {Drawn[]} panes
   * @param {Film} film of the dial
   */
  name(panes, film) {
    const [, ...powers] = this.spectra.lines;
    for (const lines of [powers, this.curves.lines]) {
      lines.forEach((line, i) => {
        Object.assign(line, { name: panes[i]?.title ?? "", colour: panes[i]?.colour ?? "quiet" });
      });
    }
    const named = [
      ...panes.map((pane) => [pane.title, pane.colour]),
      ...(film.levels ? [["photo", ""]] : []),
    ];
    const keys = named.map(([title, colour]) => {
      const key = document.createElement("span");
      const dash = Object.assign(document.createElement("i"), { className: colour ? "" : "key-photo" });
      if (colour) dash.style.borderColor = `var(--${colour})`;
      key.append(dash, title);
      return key;
    });
    this.keys.replaceChildren(...keys);
    this.power.range = film.scale;
    this.drawn = "";
    this.spectra.repaint();
    this.curves.repaint();
  }

  /**
   * The curves: all that is here.
   * @param {Drawn[]} panes
   * @param {"tokens" | "bytes"} unit
   */
  show(panes, unit) {
    const lines = this.curves.lines.map((_, i) => panes[i]?.points ?? []);
    const { places, rows } = merged(lines);
    const values = lines.flatMap((points) => points.map(([, value]) => value));
    const ladder = places.at(-1) ?? 1;
    const { x, y, measure, curves } = this;
    const names = [unit, measure.name].join();
    const changed = this.last !== ladder || [x.name, y.name].join() !== names;
    Object.assign(x, { name: unit, range: [octave(places[0] ?? 0), octave(ladder)] });
    x.at = marksTo(ladder).map(octave);
    y.name = measure.name;
    if (values.length) y.range = ends(values, UNITS[this.measures.selectedIndex]);
    this.last = ladder;
    curves.show([places.map(octave), ...rows]);
    if (!changed) return;
    for (const [i, axis] of [x, y].entries()) {
      if (curves.drawn?.axes[i]) Object.assign(curves.drawn.axes[i], { label: axis.name });
    }
    curves.repaint();
  }

  /**
   * What follows the dial: the mark, and the spectra of what the panes show.
   * @param {Drawn[]} panes
   * @param {Film} film
   * @param {number} place of the dial, tokens or bytes
   * @param {boolean} turning
   */
  draw(panes, film, place, turning) {
    if (this.sight.now || !turning) {
      const [from, to] = this.x.range;
      const part = (octave(place) - from) / (to - from || 1);
      this.mark.style.transform = `translateX(${Math.min(1, Math.max(0, part)) * 100}%)`;
    }
    const now = [film.token, ...panes.map(({ title, frame }) => [title, frame?.mode, frame?.length])].join();
    if (now === this.drawn || (turning && !this.spectra.seen)) return;
    this.drawn = now;
    const photo = film.levels ? powers(film.levels, film.scale) : NONE;
    this.spectra.show([XS, photo, ...this.curves.lines.map((_, i) => this.line(panes[i]))]);
  }

  /** @param {Drawn | undefined} pane */
  line(pane) {
    if (!pane?.frame) return NONE;
    const line = this.made.get(pane.frame) ?? powers(pane.frame.levels, pane.scale);
    this.made.set(pane.frame, line);
    return line;
  }
}
