// What the page computes by itself must be what Python computes: `make_fixtures.py` says what that is.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { power } from "../../demo/page/onnx/fourier.js";
import { resized } from "../../demo/page/onnx/lanczos.js";
import { randn } from "../../demo/page/onnx/noise.js";
import * as packing from "../../demo/page/onnx/packing.js";
import { levels, ringPower, Scorer } from "../../demo/page/onnx/scores.js";
import { sample, timeGrid } from "../../demo/page/onnx/solver.js";
import { squareOf } from "../../demo/page/square.js";
import { bytes } from "../../demo/page/tokens.js";

const stored = JSON.parse(readFileSync(new URL("onnx.json", import.meta.url), "utf-8"));

/** The picture that `drawn` of make_fixtures.py draws, as RGBA. */
function drawn(width, height) {
  const rgba = new Uint8Array(4 * width * height).fill(255);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        const wave = Math.floor((x * x * (3 + c) + y * y * 5 + x * y * 7 + 85 * c) / 31);
        rgba[4 * (y * width + x) + c] = wave + 40 * ((Math.floor(x / 37) + Math.floor(y / 23)) % 3);
      }
    }
  }
  return rgba;
}
const rows = (rgba, width, height) => ({
  width,
  height,
  row: (y) => rgba.subarray(4 * y * width, 4 * (y + 1) * width),
});
const rgbOf = (rgba) => rgba.filter((_, i) => i % 4 < 3);
function near(found, wanted, most, words) {
  const off = Math.abs(found - wanted);
  assert.ok(off <= most, `${words}: ${found} and ${wanted}`);
}
function allNear(found, wanted, most, words) {
  assert.ok(wanted.length > 0, words);
  for (const [i, value] of wanted.entries()) near(found[i], value, most, `${words}, number ${i}`);
}

test("noise is PyTorch's, for any seed", () => {
  assert.ok(stored.noises.length > 4);
  for (const { seed, first, last, sum, squares } of stored.noises) {
    const noise = randn(seed, 256 * 16);
    allNear(noise, first, 3e-6, `seed ${seed}`);
    allNear(noise.subarray(-16), last, 3e-6, `seed ${seed}, the end`);
    near(
      noise.reduce((a, b) => a + b, 0),
      sum,
      1e-3,
      `sum of seed ${seed}`,
    );
    near(
      noise.reduce((a, b) => a + b * b, 0),
      squares,
      1e-2,
      `squares of seed ${seed}`,
    );
  }
  assert.throws(() => randn(0, 15), /no whole blocks/);
});

test("a square is Pillow's, byte for byte", () => {
  for (const { width, height, side, crop, crc, row } of stored.crops) {
    const square = squareOf(crop, { width, height });
    const box = [square.left, square.top, square.left + square.side, square.top + square.side];
    const found = resized(rows(drawn(width, height), width, height), side, box);
    const words = `${width} x ${height} to ${side}, ${crop}`;
    assert.deepEqual([...found.subarray(0, row.length)], row, words);
    assert.equal(packing.crc32(found), crc, words);
  }
});

test("scores and spectra are Python's", () => {
  const photo = rgbOf(drawn(256, 256));
  const scorer = new Scorer(photo);
  const made = {
    same: photo,
    darker: photo.map((value) => Math.max(value, 40) - 40),
    blocks: photo.map((_, i) => {
      const [x, y] = [Math.floor(i / 3) % 256, Math.floor(i / 768)];
      return photo[3 * (256 * (y & ~7) + (x & ~7)) + (i % 3)];
    }),
  };
  for (const { kind, psnr, ssim, bands, power } of stored.scores) {
    const found = scorer.of(made[kind]);
    if (psnr === null) assert.equal(found.psnr, Number.POSITIVE_INFINITY);
    else near(found.psnr, psnr, 1e-3, `PSNR, ${kind}`);
    near(found.ssim, ssim, 1e-3, `SSIM, ${kind}`);
    allNear(found.bands, bands, 1e-3, `bands, ${kind}`);
    const ratios = power.map((value, i) => found.power[i] / value);
    allNear(ratios, Array(127).fill(1), 1e-3, `rings, ${kind}`);
  }
});

test("a spectrum keeps its energy, and its levels lie between the ends of the plot", () => {
  const wave = Float64Array.from({ length: 64 * 64 }, (_, i) => Math.sin(i * i * 0.37) + (i % 5));
  const energy = wave.reduce((sum, value) => sum + value ** 2, 0);
  near(power(wave, 64).reduce((a, b) => a + b) / 64 ** 2, energy, 1e-6 * energy, "Parseval");
  const scorer = new Scorer(rgbOf(drawn(64, 64)));
  const found = levels(scorer.power, scorer.scale);
  assert.equal(found.length, 31);
  assert.ok(found.every((level) => level > 0 && level < 255));
  assert.deepEqual([...levels(ringPower(new Uint8Array(3 * 64 * 64)), [-1, 6.5])], Array(31).fill(0));
});

test("tokens and their bytes are Python's, and what is damaged is a sentence", () => {
  const data = bytes(stored.tokens.packed);
  const packed = packing.unpack(data);
  assert.deepEqual(
    [packed.model, packed.id, packed.count, packed.width],
    ["prefix-flow-256", "0123456789ab", 40, 16],
  );
  assert.deepEqual([...packing.numbersOf(packed.indices)], stored.tokens.levels);
  assert.deepEqual(packing.nearestLevels(Float32Array.from(stored.tokens.numbers)), packed.indices);
  assert.deepEqual(packing.pack(packed), data);
  for (let at = 0; at < data.length; at += 7) {
    const damaged = data.slice();
    damaged[at] ^= 4;
    assert.throws(() => packing.unpack(damaged), { message: packing.DAMAGED }, `byte ${at}`);
  }
  for (const length of [0, 3, 9, 20, data.length - 1]) {
    assert.throws(() => packing.unpack(data.subarray(0, length)), { message: packing.DAMAGED });
  }
});

test("steps lead where Python's do, guided and distilled ones, too", async () => {
  for (const { steps, sampler, latent } of stored.samples) {
    const asked = [];
    const predict = async (noisy, t, tokens) => {
      asked.push([t, tokens]);
      const towards = t < 0 ? 2 : tokens ? 1 : -0.25;
      return noisy.map((value) => 0.5 * value * t + towards);
    };
    const found = await sample(predict, randn(3, 16), steps, sampler);
    allNear(found, latent, 2e-5, `${steps} steps`);
    const guided = asked.filter(([, tokens]) => !tokens).map(([t]) => t);
    if (steps === 4 || steps === 1) assert.deepEqual(guided, []);
    else assert.ok(guided.length > 0 && guided.every((t) => t >= 0.3 && t <= 0.95));
  }
  assert.deepEqual(timeGrid(2, 1), [1, 0.5, 0]);
});
