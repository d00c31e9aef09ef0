import assert from "node:assert/strict";
import { test } from "node:test";
import { Film } from "../../demo/page/film.js";
import { counted } from "../../demo/page/says.js";
import { left, spoken, waited } from "../../demo/page/wait.js";
import { frame, start } from "./stand_in.js";

const slow = (more = {}) => {
  const film = new Film(start({ lengths: [0, 1, 2, 3, 4], ladder: [0, 2, 4], ...more }));
  film.wait = { mean: 4, sample: 20 };
  return film;
};

test("times are said in the unit that tells most", () => {
  assert.deepEqual([0.4, 1, 4.4, 89, 90, 150, 5399, 5400, 3 * 3600].map(spoken), [
    "1 second",
    "1 second",
    "4 seconds",
    "89 seconds",
    "2 minutes",
    "3 minutes",
    "90 minutes",
    "2 hours",
    "3 hours",
  ]);
});

test("what is left are the pictures of the ladder that are not here", () => {
  const film = slow();
  assert.equal(left(film), 3 * 24);
  film.mean.add(frame("mean", 2));
  film.mean.add(frame("mean", 3)); // not of the ladder
  film.sample.add(frame("sample", 4));
  assert.equal(left(film), 2 * 4 + 2 * 20);
  assert.equal(left(slow({ generative: false })), 3 * 4, "no samples");
});

test("a visitor is told before the first picture, at each, after a stop and at the end", () => {
  const film = slow();
  assert.equal(
    waited(film),
    "A picture takes about 4 seconds on this server, a sample 20 seconds: 3 lengths in about 72 seconds.",
  );
  film.mean.add(frame("mean", 2));
  assert.equal(waited(film), "1 of 3 lengths are here, the rest in about 68 seconds.");
  assert.equal(counted(film), waited(film), "the status line says the same");
  film.stopped = true;
  assert.equal(waited(film), "Stopped: 1 of 3 lengths are here.");
  film.stopped = false;
  film.done = true;
  assert.equal(waited(film), "All 3 first lengths are here; another one comes where the dial rests.");
});

test("only of a slow model a mean is lacking that does not come by itself", () => {
  const film = slow();
  film.mean.add(frame("mean", 2));
  assert.deepEqual([film.lacksMean(2), film.lacksMean(3)], [false, true]);
  film.retake();
  assert.equal(film.wait, null, "other steps take another time");
  assert.equal(film.lacksMean(3), false);
});
