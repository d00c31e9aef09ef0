// The boxes of Compare's panes: each a picture, the photo over it, a list of names, a size and a score.
import { one, pen, pictureAddress, put, sight } from "./dom.js";
import { tokens } from "./lengths.js";

const thousands = new Intl.NumberFormat("en");

/**
 * A pane's size and score in words.
 * @param {import("./seen.js").Seen} what
 * @param {boolean} kinds whether its model has two
 */
export function words({ frame, tokens: count, bytes = 0 }, kinds) {
  if (!frame) return ["–", "–"];
  const size = `${thousands.format(bytes)} bytes`;
  const near = frame.ssim === null ? "–" : `${frame.psnr?.toFixed(1) ?? "∞"} dB`;
  return [
    count === undefined ? `≤ ${size}` : `${tokens(count)}, ${size}`,
    near + (kinds ? `, ${frame.mode}` : ""),
  ];
}

/** One of the boxes; hidden where there are fewer panes. */
export class PaneBox {
  /**
   * @param {HTMLElement} row that it is added to
   * @param {HTMLTemplateElement} model
   * @param {number} number 1..
   */
  constructor(row, model, number) {
    row.append(model.content.cloneNode(true));
    this.box = /** @type {HTMLElement} */ (row.lastElementChild);
    this.number = number;
    this.name = /** @type {HTMLSelectElement} */ (one(this.box, "select"));
    this.away = /** @type {HTMLButtonElement} */ (one(this.box, ".pane-away"));
    this.stop = /** @type {HTMLButtonElement} */ (one(this.box, ".pane-stop"));
    this.picture = pen(one(this.box, "canvas"), { alpha: false });
    this.photo = /** @type {HTMLImageElement} */ (one(this.box, "img"));
    this.note = one(this.box, ".pane-note");
    this.size = one(this.box, ".pane-size");
    this.score = one(this.box, ".pane-score");
    this.sight = sight(this.box);
    this.shown = /** @type {Frame | undefined} */ (undefined);
    this.name.setAttribute("aria-label", `Pane ${number}`);
    this.away.setAttribute("aria-label", `Remove pane ${number}`);
  }

  /** @param {string | null} photo WebP in base64 */
  begin(photo) {
    this.shown = undefined;
    this.box.classList.add("blank");
    if (photo) this.photo.src = pictureAddress(photo);
    else this.photo.removeAttribute("src");
  }

  /**
   * @param {string[]} names of all panes
   * @param {import("./panes.js").Choice[]} choices
   * @param {string} colour
   */
  lay(names, choices, colour) {
    const mine = names[this.number - 1];
    const title = choices.find(({ name }) => name === mine)?.title ?? "";
    const options = choices.map(({ name, title, about }) => {
      const option = new Option(title, name, false, name === mine);
      return Object.assign(option, { title: about });
    });
    this.box.hidden = !mine;
    this.box.style.setProperty("--colour", `var(--${colour})`);
    this.name.replaceChildren(...options);
    this.away.hidden = names.length < 3;
    this.picture.canvas.setAttribute("aria-label", `The picture of pane ${this.number}: ${title}`);
  }

  /**
   * @param {import("./seen.js").Seen} what
   * @param {boolean} kinds whether its model has two
   */
  draw(what, kinds) {
    const [size, score] = words(what, kinds);
    put(this.size, size);
    put(this.score, score);
    put(this.note, what.note);
    put(this.stop, what.stop ?? "");
    this.stop.hidden = !what.stop;
    if (what.frame === this.shown) return;
    this.shown = what.frame;
    this.box.classList.toggle("blank", !what.frame);
    const { width, height } = this.picture.canvas;
    if (what.frame) this.picture.drawImage(what.frame.bitmap, 0, 0, width, height);
  }
}
