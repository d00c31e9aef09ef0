import assert from "node:assert/strict";
import { test } from "node:test";
import { Film } from "../../demo/page/film.js";
import { crc, described, madeOf } from "../../demo/page/png.js";
import { frame, start } from "./stand_in.js";

// a PNG of one grey pixel
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==";
const png = () => Uint8Array.from(Buffer.from(PIXEL, "base64"));
const film = () => new Film(start({ checkpoint_id: "2aabda6989dc" }));

test("a checksum is the one of ISO 3309", () => {
  assert.equal(crc(new TextEncoder().encode("123456789")), 0xcbf43926);
});

test("the text stands after the head, and all else stays as it was", () => {
  const [before, made] = [png(), described(png(), { model: "é" })];
  assert.deepEqual(made.slice(0, 33), before.slice(0, 33));
  const text = 'tEXttokendial\0{"model":"\\u00e9"}';
  assert.equal(new TextDecoder("latin1").decode(made.slice(37, 37 + text.length)), text);
  assert.equal(new DataView(made.buffer).getUint32(33), text.length - 4);
  assert.deepEqual(made.slice(37 + text.length + 4), before.slice(33));
  const webp = new Uint8Array([82, 73, 70, 70]);
  assert.equal(described(webp, {}), webp, "of no PNG nothing is changed");
});

test("a picture says model, weights, length, steps and seed; a mean takes one step", () => {
  const state = { steps: 0, seed: 7 };
  const about = madeOf(film(), [frame("sample", 32)], state);
  assert.deepEqual(about, { model: "toy", weights: "2aabda6989dc", length: 32, steps: 8, seed: 7 });
  assert.equal(madeOf(film(), [frame("mean", 32)], state).steps, 1);
  const card = madeOf(film(), [frame("mean", 1), frame("mean", 4)], state);
  assert.deepEqual([card.lengths, "length" in card], [[1, 4], false]);
});
