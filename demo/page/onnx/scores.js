// How near a picture is to its photo: PSNR, SSIM and the ring-averaged spectrum, as tokenizer_core/measure has them.
// Pictures are squares of RGB, 0..255. No DOM.
// Source: SSIM, Wang et al., IEEE TIP 13 (2004) 600, equation 13.
import { power } from "./fourier.js";

const LUMA = [0.299, 0.587, 0.114]; // ITU-R BT.601
const WINDOW = 11;
const SIGMA = 1.5;
const [C1, C2] = [0.01 ** 2, 0.03 ** 2]; // for a range of 1
const POWER_FLOOR = 1e-8; // keeps the logarithm of a flat picture finite
const LEAST_POWER = 1e-12;
const BANDS = 3;

const sideOf = (/** @type {Uint8Array} */ rgb) => Math.sqrt(rgb.length / 3);

/**
 * Brightness, 0..1.
 * @param {Uint8Array} rgb
 */
function luma(rgb) {
  const [red, green, blue] = LUMA;
  const found = new Float64Array(rgb.length / 3);
  for (let i = 0; i < found.length; i++) {
    found[i] = (red * rgb[3 * i] + green * rgb[3 * i + 1] + blue * rgb[3 * i + 2]) / 255;
  }
  return found;
}

/**
 * Peak signal-to-noise ratio, dB; infinite where the pictures are equal.
 * @param {Uint8Array} rgb
 * @param {Uint8Array} photo
 */
export function psnr(rgb, photo) {
  let sum = 0;
  for (let i = 0; i < rgb.length; i++) sum += (rgb[i] - photo[i]) ** 2;
  return 10 * Math.log10((255 ** 2 * rgb.length) / sum);
}

const weights = (() => {
  const raw = Array.from({ length: WINDOW }, (_, i) => Math.exp(-((i - 5) ** 2) / (2 * SIGMA ** 2)));
  const sum = raw.reduce((a, b) => a + b);
  return raw.map((weight) => weight / sum);
})();

/**
 * Gaussian means wherever the whole window fits.
 * @param {Float64Array} map
 * @param {number} side
 */
function blurred(map, side) {
  const room = side - WINDOW + 1;
  const down = new Float64Array(room * side);
  for (let y = 0; y < room; y++) {
    for (let x = 0; x < side; x++) {
      let sum = 0;
      for (let n = 0; n < WINDOW; n++) sum += weights[n] * map[(y + n) * side + x];
      down[y * side + x] = sum;
    }
  }
  const both = new Float64Array(room * room);
  for (let y = 0; y < room; y++) {
    for (let x = 0; x < room; x++) {
      let sum = 0;
      for (let n = 0; n < WINDOW; n++) sum += weights[n] * down[y * side + x + n];
      both[y * room + x] = sum;
    }
  }
  return both;
}

/**
 * What SSIM needs to know of one side alone.
 * @param {Float64Array} brightness
 * @param {number} side
 */
function moments(brightness, side) {
  const mean = blurred(brightness, side);
  const squares = blurred(
    brightness.map((value) => value ** 2),
    side,
  );
  return { brightness, mean, variance: squares.map((value, i) => value - mean[i] ** 2) };
}

/**
 * @param {ReturnType<typeof moments>} one
 * @param {ReturnType<typeof moments>} other
 * @param {number} side
 */
function similarity(one, other, side) {
  const products = one.brightness.map((value, i) => value * other.brightness[i]);
  const together = blurred(products, side);
  let sum = 0;
  for (let i = 0; i < together.length; i++) {
    const [a, b] = [one.mean[i], other.mean[i]];
    const light = (2 * a * b + C1) / (a * a + b * b + C1);
    sum += (light * (2 * (together[i] - a * b) + C2)) / (one.variance[i] + other.variance[i] + C2);
  }
  return sum / together.length;
}

/**
 * Mean power on the rings 1 to side / 2 - 1 of the Hann-windowed, mean-free luma.
 * @param {Uint8Array} rgb
 */
export function ringPower(rgb) {
  return rings(luma(rgb), sideOf(rgb));
}

/**
 * What the spectra of all squares of a size share: a window, which ring a frequency is on, and how many are on it.
 * @param {number} side
 */
function ringed(side) {
  const across = Array.from({ length: side }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / (side - 1)));
  const hann = Float64Array.from(
    { length: side * side },
    (_, i) => across[Math.floor(i / side)] * across[i % side],
  );
  const frequency = (/** @type {number} */ i) => (i < side / 2 ? i : i - side);
  const ring = Uint16Array.from({ length: side * side }, (_, i) =>
    Math.round(Math.hypot(frequency(Math.floor(i / side)), frequency(i % side))),
  );
  const count = new Float64Array(side);
  for (const one of ring) count[one] += 1;
  return { side, hann, ring, count };
}

let shared = ringed(2);

/**
 * @param {Float64Array} brightness
 * @param {number} side
 */
function rings(brightness, side) {
  if (shared.side !== side) shared = ringed(side); // a page has pictures of one size, as a rule
  const { hann, ring, count } = shared;
  let mean = 0;
  for (const value of brightness) mean += value / brightness.length;
  const flat = new Float64Array(brightness.length);
  for (let i = 0; i < flat.length; i++) flat[i] = (brightness[i] - mean) * hann[i];
  const found = power(flat, side);
  const total = new Float64Array(side);
  for (let i = 0; i < found.length; i++) total[ring[i]] += found[i];
  return Float64Array.from({ length: side / 2 - 1 }, (_, i) => total[i + 1] / count[i + 1]);
}

/**
 * How far two spectra are apart in the low, middle and high third, in decades.
 * @param {Float64Array} found
 * @param {Float64Array} wanted
 */
export function bandError(found, wanted) {
  const third = Math.floor(found.length / BANDS);
  const gaps = found.map((value, i) =>
    Math.abs(Math.log10((value + POWER_FLOOR) / (wanted[i] + POWER_FLOOR))),
  );
  const mean = (/** @type {number} */ from, /** @type {number} */ to) =>
    gaps.subarray(from, to).reduce((a, b) => a + b) / (to - from);
  return [mean(0, third), mean(third, 2 * third), mean(2 * third, gaps.length)];
}

const logarithms = (/** @type {Float64Array} */ found) =>
  found.map((value) => Math.log10(Math.max(value, LEAST_POWER)));

/**
 * Each ring's log power, 0..255 between the ends of a plot.
 * @param {Float64Array} found
 * @param {[number, number]} scale log10 power at the ends
 */
export const levels = (found, [low, high]) =>
  Uint8Array.from(logarithms(found), (value) =>
    Math.min(255, Math.max(0, ((value - low) / (high - low)) * 255)),
  );

/** Scores of one photo's pictures: what belongs to the photo alone is computed once. */
export class Scorer {
  /** @param {Uint8Array} photo */
  constructor(photo) {
    this.photo = photo;
    this.side = sideOf(photo);
    this.moments = moments(luma(photo), this.side);
    this.power = ringPower(photo);
  }

  /** Where the plot of this photo's spectra begins and ends, log10 power. @returns {[number, number]} */
  get scale() {
    const found = logarithms(this.power);
    return [Math.min(...found) - 1.2, Math.max(...found) + 0.4];
  }

  /** @param {Uint8Array} rgb */
  of(rgb) {
    const brightness = luma(rgb);
    const found = rings(brightness, this.side);
    return {
      psnr: psnr(rgb, this.photo),
      ssim: similarity(moments(brightness, this.side), this.moments, this.side),
      power: found,
      bands: bandError(found, this.power),
    };
  }
}
