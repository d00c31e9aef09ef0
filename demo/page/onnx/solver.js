// From noise to a picture's latent in some steps, as tokenizer_core/nn/sampler.py and flow.py have it. No DOM.
// Source: DPM-Solver++ 2M (arXiv 2211.01095), algorithm 2; guidance only in the middle of the way.

const GUIDED = [0.3, 0.95]; // times with guidance

/**
 * A model's way of sampling, as its config.json says.
 * @typedef {object} Sampler
 * @property {number} steps
 * @property {number} guidance_scale
 * @property {number} time_shift
 * @property {number} distilled_steps
 */

/**
 * The predicted clean latent of a noisy one at a time. A time below 0 asks for a distilled step; `tokens` is false
 * where no token is to be seen.
 * @typedef {(noisy: Float32Array, t: number, tokens: boolean) => Promise<Float32Array>} Predict
 */

/**
 * A row of steps + 1 times from 1 to 0. Source: arXiv 2403.03206, section 5.3.2.
 * @param {number} steps
 * @param {number} shift
 */
export function timeGrid(steps, shift) {
  const times = [1];
  for (let i = 1; i < steps; i++) {
    const even = 1 - i / steps;
    const shifted = (shift * even) / (1 + (shift - 1) * even);
    times.push(Math.min(shifted, times[i - 1]));
  }
  return [...times, 0];
}

/**
 * From a time to the next along the velocity.
 * @param {Float32Array} clean
 * @param {Float32Array} noisy
 * @param {number} t
 * @param {number} next
 */
const eulerStep = (clean, noisy, t, next) =>
  next === 0 ? clean : clean.map((value, i) => value + (noisy[i] - value) * (next / t));

/**
 * The prediction to step with, extrapolated from the last two in half the log signal-to-noise ratio.
 * @param {Float32Array} clean
 * @param {Float32Array} before
 * @param {number} tBefore
 * @param {number} t
 * @param {number} next
 */
function secondOrder(clean, before, tBefore, t, next) {
  if (tBefore === 1 || tBefore === t || next === 0) return clean;
  const [first, now, after] = [tBefore, t, next].map((u) => Math.log((1 - u) / u));
  const ahead = (after - now) / (2 * (now - first));
  return clean.map((value, i) => value + (value - before[i]) * ahead);
}

/**
 * @param {Predict} predict
 * @param {Float32Array} noise
 * @param {number} steps 1 gives the posterior mean
 * @param {Sampler} own
 * @returns {Promise<Float32Array>} the clean latent
 */
export async function sample(predict, noise, steps, own) {
  const times = timeGrid(steps, own.time_shift);
  let noisy = noise;
  let before = noise;
  let tBefore = 1;
  for (const [i, t] of times.slice(0, -1).entries()) {
    const next = times[i + 1];
    if (steps === own.distilled_steps) {
      noisy = eulerStep(await predict(noisy, -t, true), noisy, t, next);
      continue;
    }
    const clean = await guided(predict, noisy, t, own.guidance_scale);
    noisy = eulerStep(secondOrder(clean, before, tBefore, t, next), noisy, t, next);
    before = clean;
    tBefore = t;
  }
  return noisy;
}

/**
 * @param {Predict} predict
 * @param {Float32Array} noisy
 * @param {number} t
 * @param {number} scale
 */
async function guided(predict, noisy, t, scale) {
  const seen = await predict(noisy, t, true);
  const between = GUIDED[0] <= t && t <= GUIDED[1];
  if (scale === 1 || !between) return seen;
  const unseen = await predict(noisy, t, false);
  return seen.map((value, i) => unseen[i] + scale * (value - unseen[i]));
}
