// A plot, drawn by uPlot: hover and arrow keys tell values, both axes have names, and it can be saved as PNG.
// The library comes when a plot is first on the screen. A line's colour is a CSS variable of its name, so the
// same thing has the same colour in every plot.
import { one, save, sheet } from "./dom.js";

/** @typedef {import("./vendor/uPlot.esm.js")} UPlot */

/**
 * @typedef {object} Line
 * @property {string} name of the thing that it shows: words for people, and its colour's name
 * @property {string} [colour] where the thing changes: another colour's name
 * @property {number[]} [dash]
 * @property {number} [width]
 * @property {number} [alpha]
 */

/**
 * @typedef {object} Axis
 * @property {string} name
 * @property {[number, number]} range
 * @property {number[]} [at] where it has marks
 * @property {(value: number) => string} tell a place on it, in words
 */

const SIZE = { width: 1600, height: 760 }; // of a saved plot
const FONT = "12px system-ui, sans-serif";
let library = /** @type {Promise<typeof import("./vendor/uPlot.esm.js")> | null} */ (null);

const load = () => {
  library ??= import("./vendor/uPlot.esm.js").then((found) => found.default);
  return library;
};

/** The plot of one figure. */
export class Plot {
  /**
   * @param {HTMLElement} box it holds the plot; `aria-label` says what of
   * @param {Line[]} lines
   * @param {Axis} x
   * @param {Axis} y
   */
  constructor(box, lines, x, y) {
    this.box = box;
    this.lines = lines;
    this.x = x;
    this.y = y;
    /** @type {(number | null)[][]} x, then a row a line */
    this.data = [[], ...lines.map(() => [])];
    /** @type {UPlot | null} */
    this.drawn = null;
    /** @type {Record<string, string> | undefined} */
    this.colours = undefined;
    this.values = Object.assign(document.createElement("p"), { className: "values" });
    this.values.setAttribute("role", "status");
    box.after(this.values);
    this.seen = false;
    const watch = new IntersectionObserver(
      (news) => {
        this.seen = news.some((entry) => entry.isIntersecting);
        if (this.seen && !this.drawn) this.draw();
      },
      { rootMargin: "400px" }, // a little before it comes into sight
    );
    watch.observe(box);
    new ResizeObserver(() => this.resize()).observe(box);
    box.addEventListener("keydown", (event) => this.step(event));
    box.addEventListener("blur", () => this.point(-1));
    new MutationObserver(() => this.repaint()).observe(document.body, { attributeFilter: ["class"] });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.repaint());
  }

  /**
   * Show other numbers.
   * @param {(number | null)[][]} data
   */
  show(data) {
    this.data = data;
    this.drawn?.setData(/** @type {any} */ (data));
  }

  /** Axes or colours changed. */
  repaint() {
    this.colours = undefined;
    this.drawn?.setData(/** @type {any} */ (this.data));
    this.drawn?.redraw(true, true);
  }

  /**
   * A colour of the page by its name.
   * @param {string} name
   */
  colour(name) {
    const style = getComputedStyle(this.box);
    this.colours ??= {};
    this.colours[name] ??= style.getPropertyValue(`--${name}`).trim() || style.color;
    return this.colours[name];
  }

  /**
   * What uPlot takes.
   * @param {number} width
   * @param {number} height
   * @returns {any}
   */
  options(width, height) {
    const axis = (/** @type {Axis} */ of, /** @type {number} */ side) => ({
      scale: side === 2 ? "x" : "y",
      side,
      label: of.name,
      labelSize: 18,
      labelFont: FONT,
      font: FONT,
      size: side === 2 ? 24 : 40,
      gap: 4,
      stroke: () => this.colour("quiet"),
      grid: { stroke: () => this.colour("line"), width: 1 },
      ticks: { show: false },
      splits: of.at && (() => of.at),
      values: (/** @type {unknown} */ _, /** @type {number[]} */ at) => at.map((value) => of.tell(value)),
    });
    return {
      width,
      height,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
      padding: [8, 10, 0, 0],
      scales: { x: { time: false, range: () => this.x.range }, y: { range: () => this.y.range } },
      axes: [axis(this.x, 2), axis(this.y, 3)],
      series: [
        {},
        ...this.lines.map((line) => ({
          label: line.name,
          stroke: () => this.colour(line.colour ?? line.name),
          width: line.width ?? 1.5,
          dash: line.dash,
          alpha: line.alpha ?? 1,
          spanGaps: true,
          points: { show: false },
        })),
      ],
      hooks: { setCursor: [(/** @type {UPlot} */ plot) => this.tell(plot.cursor.idx)] },
    };
  }

  async draw() {
    const UPlot = await load();
    if (this.drawn) return;
    const { clientWidth, clientHeight } = this.box;
    if (!clientWidth) return;
    this.drawn = new UPlot(this.options(clientWidth, clientHeight), /** @type {any} */ (this.data), this.box);
    this.box.dispatchEvent(new Event("drawn"));
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.box;
    const { drawn } = this;
    if (drawn && width && (drawn.width !== width || drawn.height !== height))
      drawn.setSize({ width, height });
  }

  /**
   * The values at a point, in words.
   * @param {number | null | undefined} index
   */
  tell(index) {
    const words = this.lines.flatMap(({ name }, i) => {
      const value = index == null ? null : this.data[i + 1][index];
      return value == null || !name ? [] : `${name} ${this.y.tell(value)}`;
    });
    const at = index == null ? null : this.data[0][index];
    this.values.textContent = at == null || !words.length ? "" : `${this.x.tell(at)}: ${words.join(", ")}`;
  }

  /**
   * Point at one of the values; -1: at none.
   * @param {number} index
   */
  point(index) {
    const { drawn } = this;
    const at = this.data[0][index];
    if (!drawn) return;
    drawn.setCursor(at == null ? { left: -10, top: -10 } : { left: drawn.valToPos(at, "x"), top: 10 });
  }

  /** @param {KeyboardEvent} event */
  step(event) {
    const last = this.data[0].length - 1;
    const from = this.drawn?.cursor.idx ?? -1;
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.point(Math.min(last, Math.max(0, to)));
  }

  /**
   * Save it with a title and its lines' names.
   * @param {string} name of the file
   * @param {string} title
   */
  async save(name, title) {
    const UPlot = await load();
    const ratio = devicePixelRatio;
    const top = 76;
    const room = document.createElement("div");
    const [width, height] = [SIZE.width / 2, (SIZE.height - top) / 2];
    const plot = new UPlot(this.options(width, height), /** @type {any} */ (this.data), room);
    await new Promise((soon) => setTimeout(soon));
    const { canvas, brush } = sheet(SIZE.width, SIZE.height);
    brush.fillStyle = getComputedStyle(document.body).backgroundColor;
    brush.fillRect(0, 0, SIZE.width, SIZE.height);
    brush.drawImage(one(room, "canvas"), 0, 0, width * ratio, height * ratio, 0, top, width * 2, height * 2);
    plot.destroy();
    brush.fillStyle = this.colour("body-text-color");
    brush.font = "600 28px system-ui, sans-serif";
    brush.fillText(title, 24, 36);
    this.key(brush, 24, 64);
    canvas.toBlob((blob) => blob && save(blob, name));
  }

  /**
   * The names of the lines that have values, each after a piece of its line.
   * @param {CanvasRenderingContext2D} brush
   * @param {number} x
   * @param {number} y
   */
  key(brush, x, y) {
    const ink = brush.fillStyle;
    let at = x;
    brush.font = "20px system-ui, sans-serif";
    this.lines.forEach((line, i) => {
      if (!line.name || !this.data[i + 1].some((value) => value != null)) return;
      brush.strokeStyle = this.colour(line.colour ?? line.name);
      brush.lineWidth = 3;
      brush.setLineDash(line.dash ?? []);
      brush.beginPath();
      brush.moveTo(at, y - 7);
      brush.lineTo(at + 40, y - 7);
      brush.stroke();
      brush.fillStyle = ink;
      brush.fillText(line.name, at + 50, y);
      at += 80 + brush.measureText(line.name).width;
    });
    brush.setLineDash([]);
  }
}
