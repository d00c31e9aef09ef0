import assert from "node:assert/strict";
import { test } from "node:test";
import {
  beside,
  ladderOf,
  nearest,
  nearestInOctaves,
  octave,
  Scale,
  tokens,
} from "../../demo/page/lengths.js";

const ALL = Array.from({ length: 257 }, (_, k) => k);

test("an octave is a doubling, and nothing stands at nothing", () => {
  assert.equal(octave(0), 0);
  assert.equal(octave(1), 1);
  assert.equal(octave(255), 8);
});

test("the ladder is the model's, or of an older film the usual one with the longest length", () => {
  assert.deepEqual(ladderOf({ lengths: ALL, ladder: [0, 4] }), [0, 4]);
  assert.equal(ladderOf({ lengths: ALL }).length, 17);
  assert.deepEqual(ladderOf({ lengths: [4, 16, 64] }), [4, 16, 64]);
  assert.deepEqual(ladderOf({ lengths: ALL.slice(0, 51) }).slice(-2), [48, 50]);
});

test("the nearest allowed length is the shorter of two", () => {
  assert.equal(nearest([4, 16, 64], 10), 4);
  assert.equal(nearest([4, 16, 64], 11), 16);
  assert.equal(nearestInOctaves([16, 64], 33), 64, "33 is nearer to 64 by ear, not by count");
  assert.equal(nearestInOctaves([], 3), -1);
});

test("one step along what is allowed, and no farther than its ends", () => {
  assert.equal(beside([4, 16, 64], 4, 1), 16);
  assert.equal(beside([4, 16, 64], 64, 1), 64);
  assert.equal(beside([4, 16, 64], 5, -1), 4);
  assert.equal(beside([4, 16, 64], 4, -1), 4);
});

test("a rail runs from the shortest to the longest length, and back", () => {
  for (const lengths of [ALL, [4, 16, 64], ALL.slice(0, 65)]) {
    const scale = new Scale(lengths);
    assert.equal(scale.place(lengths[0]), 0);
    assert.equal(scale.place(lengths.at(-1)), 1);
    for (const k of lengths) assert.equal(scale.at(scale.place(k)), k);
  }
  assert.ok(
    Math.abs(new Scale(ALL).place(15) - 4 / octave(256)) < 1e-12,
    "an octave is as wide as any other",
  );
  assert.equal(new Scale([9]).place(9), 1);
});

test("a pointer beyond the rail is at its end", () => {
  const scale = new Scale(ALL);
  assert.equal(scale.at(-0.3), 0);
  assert.equal(scale.at(7), 256);
});

test("marks: powers of two and the ends, or all where they are few", () => {
  assert.deepEqual(new Scale(ALL).marks(), [0, 1, 2, 4, 8, 16, 32, 64, 128, 256]);
  assert.deepEqual(new Scale([4, 16, 48, 64]).marks(), [4, 16, 48, 64]);
});

test("one token is no tokens", () => {
  assert.deepEqual([0, 1, 2].map(tokens), ["0 tokens", "1 token", "2 tokens"]);
});
