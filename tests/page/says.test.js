import assert from "node:assert/strict";
import { test } from "node:test";
import { Film } from "../../demo/page/film.js";
import { counted, Says } from "../../demo/page/says.js";
import { frame, start } from "./stand_in.js";

function filled(means, samples, more) {
  const film = new Film(start(more));
  for (let k = 0; k < means; k++) film.mean.add(frame("mean", k));
  for (let k = 0; k < samples; k++) film.sample.add(frame("sample", k));
  return film;
}

test("all lengths are here only when all means are, and nothing more comes only when it does", () => {
  assert.equal(counted(filled(17, 0)), "17 of 257 lengths are here");
  assert.equal(counted(filled(17, 4)), "17 of 257 lengths are here, 4 of them as samples");
  const film = filled(257, 9);
  assert.equal(counted(film), "All 257 lengths are here, 9 of them as samples, and more are coming");
  film.done = true;
  assert.match(counted(film), /^All 257 lengths are here, 9 of them as samples; another one comes/);
  const whole = filled(257, 257);
  whole.done = true;
  assert.equal(counted(whole), "All 257 lengths are here: no more requests.");
  const linear = filled(257, 0, { generative: false });
  linear.done = true;
  assert.equal(counted(linear), "All 257 lengths are here: no more requests.");
  const stored = filled(17, 17);
  stored.done = true;
  assert.equal(counted(stored), "17 of 257 lengths are stored with this page.");
});

test("nothing is said of a film that nobody asks for any more", () => {
  const [older, newer] = [filled(3, 0), filled(5, 0)];
  let newest = older;
  const says = new Says(
    () => newest,
    () => 0,
  );
  newest = null; // another photo is on its way
  says.say("Sending your photo…");
  says.say("the older one failed", true, 0, older);
  assert.equal(says.words, "Sending your photo…");
  assert.equal(says.bad, false);
  newest = newer;
  says.say("the older one failed", true, 0, older);
  assert.equal(says.bad, false);
});

test("a count of an older film is not said, even when the line is free", () => {
  const [older, newer] = [filled(3, 0), filled(5, 0)];
  let now = 0;
  const says = new Says(
    () => newer,
    () => now,
  );
  now = 1;
  says.count(older);
  assert.equal(says.words, "");
  says.count(newer);
  assert.equal(says.words, "5 of 257 lengths are here");
});

test("a sentence stays as long as it asks to, a mistake until something else is said", () => {
  const film = filled(5, 0);
  let now = 0;
  const says = new Says(
    () => film,
    () => now,
  );
  says.say("The link is copied.", false, 5000);
  now = 4999;
  says.count(film);
  assert.equal(says.words, "The link is copied.");
  now = 5001;
  says.count(film);
  assert.equal(says.words, "5 of 257 lengths are here");
  says.say("No picture.", true);
  now = 1e9;
  says.count(film);
  assert.equal(says.words, "No picture.");
  says.say("Reading the photo…", false, Number.POSITIVE_INFINITY);
  assert.equal(says.bad, false);
});
