import assert from "node:assert/strict";
import { test } from "node:test";
import { deviations, FULL, shade } from "../../demo/page/spread.js";

const picture = (...pixels) => Uint8ClampedArray.from(pixels.flatMap((rgb) => [...rgb, 255]));

test("a pixel's deviation is over the pictures, all three colours counted", () => {
  const one = picture([10, 20, 30], [0, 0, 0]);
  const other = picture([10, 20, 30], [60, 0, 0]);
  const [same, apart] = deviations([one, other]);
  assert.equal(same, 0);
  assert.ok(Math.abs(apart - Math.sqrt(30 ** 2 / 3)) < 1e-4); // 30 in one of three channels
  const grey = deviations([picture([0, 0, 0]), picture([40, 40, 40])]);
  assert.ok(Math.abs(grey[0] - 20) < 1e-4);
});

test("one picture alone does not differ", () => {
  assert.deepEqual([...deviations([picture([9, 99, 200])])], [0]);
});

test("the map is clear where all agree, and no brighter beyond its end", () => {
  const rgba = shade(Float32Array.from([0, FULL / 2, FULL, 2 * FULL]));
  const [clear, half, full, beyond] = [3, 7, 11, 15].map((i) => rgba[i]);
  assert.equal(clear, 0);
  assert.ok(Math.abs(2 * half - full) <= 1);
  assert.equal(full, beyond);
});
