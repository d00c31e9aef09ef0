// A picture's spectrum as a plot has it: log10 power from coarse to fine. No DOM.

export const RINGS = 127;

/** First and last ring of a point: above 32 cycles several share one. */
const POINTS = (() => {
  /** @type {[number, number][]} */
  const points = [];
  for (let a = 1; a <= RINGS; ) {
    const step = Math.max(1, a >> 4);
    points.push([a, Math.min(RINGS, a + step - 1)]);
    a += step;
  }
  return points;
})();

/** Where the points stand: log2 of their cycles per picture. */
export const XS = POINTS.map(([a, b]) => Math.log2((a + b) / 2));

/** A line that is not there. */
export const NONE = XS.map(() => null);

/** @returns {import("./plot.js").Axis} */
export const cycles = () => ({
  name: "cycles per picture: coarse to fine",
  range: [0, 7],
  at: [0, 1, 2, 3, 4, 5, 6, 7],
  tell: (value) => String(Math.round(2 ** value)),
});

/** @returns {import("./plot.js").Axis} */
export const power = () => ({ name: "power, log10", range: [-1, 6.5], tell: (value) => value.toFixed(1) });

/**
 * log10 power at the plot's points; null where a small picture has no such rings.
 * @param {Uint8Array} levels of each ring, 0..255
 * @param {[number, number]} scale log10 power at the ends
 */
export function powers(levels, [low, high]) {
  return POINTS.map(([a, b]) => {
    if (b > levels.length) return null;
    let sum = 0;
    for (let ring = a; ring <= b; ring++) sum += levels[ring - 1];
    return low + (sum / (b - a + 1) / 255) * (high - low);
  });
}
