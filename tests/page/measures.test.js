import assert from "node:assert/strict";
import { test } from "node:test";
import { Film } from "../../demo/page/film.js";
import { ends, fewest, linesOf, MEASURES, rowsOf } from "../../demo/page/measures.js";
import { layersOf, ranks } from "../../demo/page/panels/attention.js";
import { step } from "../../demo/page/panels/difference.js";
import { deviation } from "../../demo/page/panels/pictures.js";
import { sending, sizeToSend } from "../../demo/page/shrink.js";
import { powers } from "../../demo/page/spectra.js";
import { frame, start } from "./stand_in.js";

const [PSNR, , HIGH, NAME] = MEASURES;
const film = () => {
  const made = new Film(start());
  for (const k of [4, 1, 16]) made.mean.add(frame("mean", k, { psnr: 10 + k, bands: [9, 8, 1 / k] }));
  made.told = { linear: [5, 6, 7], webp: [[16, 21.5]] };
  return made;
};

test("points go by length, whatever came first; equal pictures and missing ones have none", () => {
  const made = film();
  made.mean.add(frame("mean", 256, { psnr: null }));
  assert.deepEqual(linesOf(made, PSNR).mean, [
    [1, 11],
    [4, 14],
    [16, 26],
  ]);
  assert.deepEqual(linesOf(made, PSNR).linear, [
    [0, 5],
    [1, 6],
    [2, 7],
  ]);
});

test("the high band is the third one, and less of it is better", () => {
  const lines = linesOf(film(), HIGH);
  assert.deepEqual(lines.mean, [
    [1, 1],
    [4, 0.25],
    [16, 1 / 16],
  ]);
  assert.deepEqual(lines.linear, [], "not known of other codes");
  assert.equal(fewest(lines, HIGH, 0.3), "mean 4");
});

test("the fewest tokens for a goal, of each code that was measured", () => {
  assert.equal(fewest(linesOf(film(), PSNR), PSNR, 14), "mean 4, linear never, WebP 16");
  assert.equal(fewest(linesOf(new Film(start()), PSNR), PSNR, 14), "not known yet");
});

test("a classifier's word is known where it was asked", () => {
  const made = film();
  made.mean.seen = { agreement: { 4: 0.7 } };
  assert.deepEqual(linesOf(made, NAME).mean, [[4, 0.7]]);
});

test("one list of lengths for all lines", () => {
  const { lengths, rows } = rowsOf(linesOf(film(), PSNR));
  assert.deepEqual(lengths, [0, 1, 2, 4, 16]);
  assert.deepEqual(rows[0], [null, 11, null, 14, 26]);
  assert.deepEqual(rows[3], [null, null, null, null, 21.5]);
});

test("an axis ends on round numbers and is never empty", () => {
  assert.deepEqual(ends([11, 26], 2), [10, 26]);
  assert.deepEqual(ends([4, 4], 2), [4, 6]);
});

test("the spectrum's levels become powers on the film's scale; above 32 cycles rings share a point", () => {
  const levels = Uint8Array.from({ length: 127 }, (_, i) => i + 1);
  const found = powers(levels, [0, 255]);
  assert.deepEqual(found.slice(0, 3), [1, 2, 3]);
  assert.equal(found[31], 32.5, "rings 32 and 33");
  assert.equal(found.length, 57);
});

test("a token's share is the step over it between means that are here", () => {
  assert.deepEqual(step([0, 4, 8, 16], 4), [0, 4]);
  assert.deepEqual(step([0, 4, 8, 16], 5), [4, 8]);
  assert.deepEqual(step([4], 4), [-1, 4]);
  assert.equal(step([0, 4], 9)[1], Number.POSITIVE_INFINITY);
});

test("where pictures differ is their standard deviation, made as strong as needed", () => {
  const { gain, rgba } = deviation([
    Uint8ClampedArray.of(10, 0, 0, 255),
    Uint8ClampedArray.of(20, 0, 0, 255),
  ]);
  assert.equal(gain, 44);
  assert.deepEqual([...rgba], [220, 0, 0, 255]);
});

test("a large photo is sent with a shorter side of 1024, a small one as it is", () => {
  assert.equal(sizeToSend(100_000, 4000, 3000), null);
  assert.equal(sizeToSend(900_000, 900, 3000), null);
  assert.deepEqual(sizeToSend(900_000, 4000, 3000), [1365, 1024]);
});

test("over a slow line, or where data are to be saved, a photo is sent smaller", () => {
  const slow = sending({ connection: { downlink: 1.6 } });
  assert.deepEqual(sizeToSend(120_000, 4000, 3000, slow), [683, 512]);
  assert.deepEqual(sending({ connection: { downlink: 10, saveData: true } }), slow);
  for (const device of [{}, { connection: {} }, { connection: { downlink: 10 } }]) {
    assert.equal(sizeToSend(120_000, 4000, 3000, sending(device)), null);
    assert.deepEqual(sizeToSend(900_000, 4000, 3000, sending(device)), [1365, 1024]);
  }
});

test("a map's brightness is by rank: never all black, and equal where it looked equally", () => {
  assert.deepEqual(ranks(Uint8Array.of(3, 0, 1, 2)), [1, 0, 1 / 3, 2 / 3]);
  assert.deepEqual(ranks(Uint8Array.of(255, 1, 1, 1)).slice(0, 2), [1, 2 / 3]);
  assert.deepEqual(ranks(new Uint8Array(4)), [1, 1, 1, 1]);
});

test("layers: all that the model has, or on a page without a server those that are stored", () => {
  const film = new Film(start({ layers_read: 2, layers_write: 1 }));
  assert.deepEqual(layersOf(film, {}, false), [
    "read, layer 1 of 2",
    "read, layer 2 of 2",
    "write, layer 1 of 1",
  ]);
  assert.deepEqual(layersOf(film, { layers: [["read, layer 2 of 2"]] }, true), ["read, layer 2 of 2"]);
});
