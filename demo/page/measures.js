// What the curves show of a film: a measure of each code at each length. No DOM.

/**
 * @typedef {object} Measure
 * @property {string} name
 * @property {string} unit
 * @property {number} goal
 * @property {boolean} [less] whether less is better
 * @property {(film: Film, mode: Mode, k: number) => number | null | undefined} of
 * @property {boolean} [rivals] whether other codes are known by it
 */

/** @type {Measure[]} in the order of the page's list */
export const MEASURES = [
  { name: "PSNR, dB", unit: "dB", goal: 20, rivals: true, of: (film, mode, k) => film[mode].at.get(k)?.psnr },
  { name: "SSIM", unit: "SSIM", goal: 0.5, of: (film, mode, k) => film[mode].at.get(k)?.ssim },
  {
    name: "high band off, decades",
    unit: "× 10",
    goal: 0.5,
    less: true,
    of: (film, mode, k) => film[mode].at.get(k)?.bands?.[2],
  },
  {
    name: "photo's name, says a classifier",
    unit: "of 1",
    goal: 0.5,
    of: (film, mode, k) => (film[mode].at.has(k) ? film[mode].seen?.agreement?.[k] : null),
  },
];

/**
 * The points of each code that has any, by ascending length; the codes in the order in which the plot has them.
 * @param {Film} film
 * @param {Measure} measure
 * @returns {Record<string, [length: number, value: number][]>}
 */
export function linesOf(film, measure) {
  const own = (/** @type {Mode} */ mode) =>
    film[mode].have
      .sort((a, b) => a - b)
      .map((k) => [k, measure.of(film, mode, k)])
      .filter((point) => Number(point[1]) > 0);
  /** @type {Record<string, any>} */
  const lines = { mean: own("mean"), [film.second]: own(film.second), linear: [], WebP: [] };
  if (measure.rivals) {
    lines.linear = (film.told.linear ?? []).map((value, k) => [k, value]);
    lines.WebP = film.told.webp ?? [];
  }
  return lines;
}

/**
 * The fewest tokens of each code that reach a goal, in words.
 * @param {Record<string, [number, number][]>} lines
 * @param {Measure} measure
 * @param {number} goal
 */
export function fewest(lines, measure, goal) {
  const good = (/** @type {number} */ value) => (measure.less ? value <= goal : value >= goal);
  const known = Object.keys(lines).filter((code) => lines[code].length);
  const first = (/** @type {string} */ code) => lines[code].find(([, value]) => good(value))?.[0] ?? "never";
  return known.map((code) => `${code} ${first(code)}`).join(", ") || "not known yet";
}

/**
 * The lines as rows over one list of lengths; null where a code was not measured.
 * @param {Record<string, [number, number][]>} lines
 */
export function rowsOf(lines) {
  const points = Object.values(lines).flat();
  const lengths = [...new Set(points.map(([k]) => k))].sort((a, b) => a - b);
  const rows = Object.values(lines).map((line) => {
    const at = new Map(line);
    return lengths.map((k) => at.get(k) ?? null);
  });
  return { lengths, rows };
}

/**
 * The ends of an axis that holds all values, on round numbers.
 * @param {number[]} values
 * @param {number} unit
 * @returns {[number, number]}
 */
export function ends(values, unit) {
  const low = Math.floor(Math.min(...values) / unit) * unit;
  const high = Math.ceil(Math.max(...values) / unit) * unit;
  return [low, Math.max(low + unit, high)];
}
