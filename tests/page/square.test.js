import assert from "node:assert/strict";
import { test } from "node:test";
import * as squares from "../../demo/page/square.js";

const WIDE = { width: 400, height: 200 };
const TALL = { width: 100, height: 900 };

test("the middle is the largest square, in the middle", () => {
  assert.deepEqual(squares.squareOf(squares.MIDDLE, WIDE), { left: 100, top: 0, side: 200 });
  assert.deepEqual(squares.squareOf(squares.MIDDLE, TALL), { left: 0, top: 400, side: 100 });
});

test("a square and its crop say the same, and a border pushes it back as the server's does", () => {
  const square = { left: 60, top: 20, side: 80 };
  const crop = squares.cropOf(square, WIDE);
  assert.deepEqual(crop, [0.25, 0.3, 2.5]);
  assert.deepEqual(squares.squareOf(crop, WIDE), square);
  assert.deepEqual(squares.squareOf([0, 1, 2], WIDE), { left: 0, top: 100, side: 100 });
});

test("moving ends at the borders", () => {
  const square = { left: 10, top: 30, side: 50 };
  assert.deepEqual(squares.moved(square, [5, -10], WIDE), { left: 15, top: 20, side: 50 });
  assert.deepEqual(squares.moved(square, [-99, 999], WIDE), { left: 0, top: 150, side: 50 });
});

test("resizing keeps the centre, from a quarter of the shorter side to all of it", () => {
  assert.deepEqual(squares.scaled({ left: 100, top: 50, side: 100 }, 0.6, WIDE), {
    left: 120,
    top: 70,
    side: 60,
  });
  assert.equal(squares.scaled({ left: 100, top: 50, side: 100 }, 0.01, WIDE).side, 50);
  assert.deepEqual(squares.scaled({ left: 100, top: 50, side: 100 }, 9, WIDE), {
    left: 50,
    top: 0,
    side: 200,
  });
});

test("corners are found by nearness, and a small square still has a middle", () => {
  const square = { left: 100, top: 50, side: 90 };
  assert.deepEqual(squares.cornerAt(square, [104, 47], 10), [-1, -1]);
  assert.deepEqual(squares.cornerAt(square, [185, 142], 10), [1, 1]);
  assert.equal(squares.cornerAt(square, [104, 90], 10), null, "an edge is no corner");
  assert.equal(squares.cornerAt(square, [145, 95], 999), null);
});

test("a corner follows the finger, the other one stays, and no border is passed", () => {
  const square = { left: 100, top: 50, side: 100 };
  assert.deepEqual(squares.stretched(square, [1, 1], [170, 110], WIDE), { left: 100, top: 50, side: 70 });
  assert.deepEqual(squares.stretched(square, [-1, -1], [80, 60], WIDE), { left: 80, top: 30, side: 120 });
  assert.deepEqual(squares.stretched(square, [-1, 1], [0, 0], WIDE), { left: 50, top: 50, side: 150 });
  assert.equal(squares.stretched(square, [1, 1], [100, 50], WIDE).side, 50);
});

test("arrows move, plus and minus resize, other keys do nothing", () => {
  const square = { left: 100, top: 50, side: 100 };
  assert.deepEqual(squares.keyed(square, "ArrowLeft", WIDE), { left: 96, top: 50, side: 100 });
  assert.deepEqual(squares.keyed(square, "ArrowDown", WIDE), { left: 100, top: 54, side: 100 });
  assert.equal(squares.keyed(square, "+", WIDE).side, 106);
  assert.ok(squares.keyed(square, "-", WIDE).side < 100);
  assert.equal(squares.keyed(square, "a", WIDE), null);
});

test("a photo that is nearly square is taken whole", () => {
  assert.ok(squares.isSquare({ width: 1000, height: 1004 }));
  assert.ok(!squares.isSquare({ width: 1000, height: 1030 }));
  assert.ok(squares.differ([0.5, 0.5, 1], [0.5, 0.4, 1]));
  assert.ok(!squares.differ([0.5, 0.5, 1], [0.5, 0.5001, 1]));
});
