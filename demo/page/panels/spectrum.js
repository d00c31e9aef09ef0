// How much structure of each size the picture has, beside the photo: coarse to fine.
import { one, put, saveTable } from "../dom.js";
import { Plot } from "../plot.js";
import { cycles, NONE, power, powers, RINGS, XS } from "../spectra.js";
import { bytes } from "../tokens.js";

const PAST = 4; // fewer tokens, drawn paler

/** @type {import("../plot.js").Line[]} */
const LINES = [
  { name: "photo", dash: [4, 3] },
  { name: "control" },
  ...Array.from({ length: PAST }, (_, i) => ({ name: "", colour: "mean", alpha: 0.5 - 0.12 * i })),
  { name: "mean", width: 2.2 },
  { name: "sample", width: 2.2 },
];

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @returns {Panel & { plot: Plot, save(): void }}
 */
export function spectrum(root, act) {
  const box = one(root, ".spectrum");
  const bands = one(root, ".n-bands");
  const y = power();
  const plot = new Plot(box, LINES, cycles(), y);
  /** @type {WeakMap<Frame, (number | null)[]>} */
  const made = new WeakMap();
  let drawn = "";

  const of = (/** @type {Frame | undefined} */ frame, /** @type {Film} */ film) => {
    if (!frame) return NONE;
    const found = made.get(frame) ?? powers(frame.levels, film.scale);
    made.set(frame, found);
    return found;
  };

  /** @param {Film} film @param {Frame} frame */
  const past = (film, frame) => {
    const reel = film[frame.mode];
    const less = film.ladder.filter((k) => k < frame.length && reel.at.has(k));
    const lines = less.slice(-PAST).reverse();
    for (let i = 0; i < PAST; i++) LINES[2 + i].colour = frame.mode;
    return Array.from({ length: PAST }, (_, i) => of(reel.at.get(lines[i] ?? -1), film));
  };

  one(root, ".spectrum-png").addEventListener("click", () => {
    plot.save("spectrum.png", `Detail at ${act.state.k} tokens, coarse to fine`);
  });

  /** Every ring as CSV. */
  const keep = () => {
    const film = act.film;
    if (!film) return;
    const [low, high] = film.scale;
    const { k } = act.state;
    const kinds = [film.levels, film.mean.at.get(k)?.levels, film.sample.at.get(k)?.levels];
    const head = `cycles,photo_log10_power,mean_log10_power,${film.second}_log10_power`;
    const rows = Array.from({ length: RINGS }, (_, i) => [
      i + 1,
      ...kinds.map((levels) => levels && (low + (levels[i] / 255) * (high - low)).toFixed(2)),
    ]);
    saveTable(`spectra-${k}.csv`, head, rows);
  };
  one(root, ".csv[value=spectra]").addEventListener("click", keep);

  return {
    plot,
    save: keep,
    begin(film) {
      drawn = "";
      LINES[LINES.length - 1].name = film.second;
      y.range = film.scale;
      plot.show([XS, ...LINES.map(() => NONE)]);
      plot.repaint();
      root.classList.remove("controlled");
    },
    draw({ film, frame, turning }) {
      const other = frame.mode === "mean" ? film.second : "mean";
      const control = film.told.control?.[frame.length];
      const beside = turning ? undefined : film[other].nearest(act.state.k);
      const now = [frame.mode, frame.length, beside?.length, turning, control?.length, film.token].join();
      if (now === drawn || (turning && !plot.seen)) return;
      drawn = now;
      put(bands, frame.bands ? frame.bands.map((off) => off.toFixed(2)).join(" · ") : "–");
      const lines = { [frame.mode]: of(frame, film), [other]: of(beside, film) };
      plot.show([
        XS,
        film.levels ? powers(film.levels, film.scale) : NONE,
        control && !turning ? powers(bytes(control), film.scale) : NONE,
        ...(turning ? Array(PAST).fill(NONE) : past(film, frame)), // a drag draws one curve
        lines.mean,
        lines[film.second],
      ]);
      if (!turning) root.classList.toggle("controlled", !!control);
    },
  };
}
