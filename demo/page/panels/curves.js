// Nearness to the photo at every length: PSNR, SSIM, the high band, or a classifier's word for it.
import { one, put, saveTable, sight } from "../dom.js";
import { octave, Scale } from "../lengths.js";
import { ends, fewest, linesOf, MEASURES, rowsOf } from "../measures.js";
import { Plot } from "../plot.js";

const UNITS = [2, 0.1, 0.25, 0.125]; // the axis ends on these, a measure each
const NO_CLASSIFIER = "nothing here, as it runs on a server alone, and this film is your machine’s own";
const LINES = [
  { name: "mean", width: 2.2 },
  { name: "sample", width: 2.2 },
  { name: "linear", dash: [4, 3] },
  { name: "WebP", dash: [1, 3], width: 2 },
];

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @returns {Panel & { plot: Plot, save(): void }}
 */
export function curves(root, act) {
  const box = one(root, ".curves");
  const chosen = /** @type {HTMLSelectElement} */ (one(root, ".measure"));
  const goal = /** @type {HTMLInputElement} */ (one(root, ".goal"));
  const [unit, few, guess] = [".n-unit", ".n-fewest", ".n-guess"].map((name) => one(root, name));
  const mark = Object.assign(document.createElement("div"), { className: "mark" });
  const panel = sight(box);
  const x = {
    name: "tokens",
    range: /** @type {[number, number]} */ ([0, octave(256)]),
    at: /** @type {number[]} */ ([]),
    tell: (/** @type {number} */ value) => String(Math.round(2 ** value - 1)),
  };
  const y = {
    name: MEASURES[0].name,
    range: /** @type {[number, number]} */ ([0, 1]),
    tell: (/** @type {number} */ value) => String(Number(value.toFixed(2))),
  };
  const plot = new Plot(box, LINES, x, y);
  let scale = new Scale([0, 256]);
  box.addEventListener("drawn", () => plot.drawn?.over.append(mark));

  const measure = () => MEASURES[chosen.selectedIndex];
  const show = () => {
    const { film } = act;
    if (!film?.original) return;
    const lines = linesOf(film, measure());
    const values = Object.values(lines).flatMap((points) => points.map((point) => point[1]));
    put(few, fewest(lines, measure(), Number(goal.value)));
    const { lengths, rows } = rowsOf(lines);
    y.name = measure().name;
    if (values.length) y.range = ends(values, UNITS[chosen.selectedIndex]);
    plot.show([lengths.map(octave), ...rows]);
  };
  goal.addEventListener("input", show);
  chosen.addEventListener("input", () => {
    goal.value = String(measure().goal); // another measure, another goal
    put(unit, measure().unit);
    root.classList.toggle("norivals", !measure().rivals);
    plot.drawn?.axes[1] && Object.assign(plot.drawn.axes[1], { label: measure().name });
    show();
  });
  one(root, ".curves-png").addEventListener("click", () => {
    plot.save("curves.png", `Nearness to the photo over the number of tokens: ${measure().name}`);
  });

  /** Every length as CSV. */
  const keep = () => {
    const film = act.film;
    if (!film) return;
    const kinds = /** @type {Mode[]} */ (["mean", film.second]);
    const columns = ["psnr_db", "ssim", "high_band_decades", "agreement"];
    const own = kinds.flatMap((mode) => columns.map((column) => `${mode}_${column}`));
    const webp = new Map(film.told.webp);
    const rows = film.lengths.map((k) => [
      k,
      ...kinds.flatMap((mode) => MEASURES.map(({ of }) => of(film, mode, k) ?? "")),
      film.told.linear?.[k],
      webp.get(k),
    ]);
    saveTable("curves.csv", ["tokens", ...own, "linear_psnr_db", "webp_psnr_db"].join(), rows);
  };
  one(root, ".csv[value=curves]").addEventListener("click", keep);

  return {
    plot,
    save: keep,
    begin(film) {
      scale = new Scale(film.lengths);
      LINES[1].name = film.second;
      x.range = [octave(scale.first), octave(scale.top)];
      x.at = scale.marks().map(octave);
      plot.show([[], ...LINES.map(() => [])]);
      plot.repaint();
      put(guess, "");
    },
    arrive: show,
    draw({ film, state, frame, turning }) {
      if (panel.now || !turning) mark.style.transform = `translateX(${scale.octaves(state.k) * 100}%)`;
      if (turning) return;
      const seen = film.sees(frame);
      const photo = film.original && film[film.judged(frame.mode)].seen?.photo;
      const none = film.info.alone ? NO_CLASSIFIER : "";
      put(guess, seen ? seen + (photo ? ` (the photo: ${photo})` : "") : none);
    },
  };
}
