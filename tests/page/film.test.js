import assert from "node:assert/strict";
import { test } from "node:test";
import { Film, Reel } from "../../demo/page/film.js";
import { shownOn } from "../../demo/page/panels/card.js";
import { oneKind } from "../../demo/page/panels/clip.js";
import { frame, info, start } from "./stand_in.js";

const bitmap = () => ({
  closed: false,
  close() {
    this.closed = true;
  },
});

test("a reel keeps the first frame of a length, and closes another one", () => {
  const reel = new Reel();
  const [first, second] = [frame("mean", 4), frame("mean", 4)];
  second.bitmap = bitmap();
  reel.add(first);
  reel.add(second);
  assert.equal(reel.at.get(4), first);
  assert.equal(second.bitmap.closed, true);
});

test("what stands for a length: itself, or the nearest in octaves, and it says so", () => {
  const film = new Film(start());
  assert.equal(film.choose(32, "sample"), undefined);
  film.mean.add(frame("mean", 16));
  film.mean.add(frame("mean", 64));
  assert.deepEqual(film.choose(16, "mean").slice(1), ["mean"]);
  assert.deepEqual(
    film.choose(24, "mean").slice(1),
    ["showing 16"],
    "half an octave below, not a third as far above",
  );
  assert.deepEqual(film.choose(40, "mean").slice(1), ["showing 64"]);
  assert.equal(film.choose(16, "sample")[1], "mean, sample coming");
});

test("a sample stands for a length no farther than half an octave away", () => {
  const film = new Film(start());
  film.mean.add(frame("mean", 64));
  film.sample.add(frame("sample", 48));
  assert.equal(film.choose(64, "sample")[0].mode, "sample", "0.4 octaves");
  film.sample = new Reel();
  film.sample.add(frame("sample", 32));
  assert.equal(film.choose(64, "sample")[0].mode, "mean", "a whole octave");
});

test("a mean that stands for a sample is always called one", () => {
  const film = new Film(start());
  film.mean.add(frame("mean", 64));
  film.sample.add(frame("sample", 8));
  assert.equal(film.choose(64, "sample")[1], "mean, sample coming");
  assert.equal(film.choose(60, "sample")[1], "mean of 64, sample coming");
  assert.equal(film.choose(9, "sample")[1], "showing 8");
});

test("while it plays no kinds are mixed: means, and it says so, until the ladder of samples is here", () => {
  const film = new Film(start());
  for (const k of film.ladder) film.mean.add(frame("mean", k));
  for (const k of film.ladder.slice(3)) film.sample.add(frame("sample", k));
  const shown = () => film.lengths.map((k) => film.choose(k, "sample", true));
  for (const [picture, words] of shown()) {
    assert.equal(picture.mode, "mean");
    assert.match(words, /^mean\b.*, samples coming$/);
  }
  for (const k of film.ladder) film.sample.add(frame("sample", k));
  for (const [picture, words] of shown()) {
    assert.equal(picture.mode, "sample");
    assert.match(words, /^(sample|showing \d+)$/);
  }
});

test("a model that is not generative shows its picture and wants no sample", () => {
  const film = new Film(start({ generative: false, lengths: [4, 16, 64] }));
  film.mean.add(frame("mean", 16));
  assert.deepEqual(film.choose(16, "sample").slice(1), ["decoded"]);
  assert.equal(film.lacks(4, "sample"), false);
  assert.equal(film.kind("sample"), "mean");
});

test("whole bytes, rounded up", () => {
  assert.equal(new Film(start({ bytes_per_token: 0.75 })).bytesOf(3), 3);
  assert.equal(new Film(start({ bytes_per_token: 8 })).bytesOf(32), 256);
});

test("layers come from the attention's lines, or from an older film's numbers", () => {
  const lines = [{ direction: "read", layers: 3, side: 16 }];
  assert.equal(new Film(start({ attention: lines })).layers("read"), 3);
  assert.equal(new Film(start({ attention: lines, layers_write: 0 })).layers("write"), 0);
  const { attention: _, ...older } = info();
  assert.equal(new Film({ ...start(), info: older }).layers("read"), 8);
});

test("an older film offers every view, a newer one what it says", () => {
  assert.equal(new Film(start()).offers("mix"), true);
  assert.equal(new Film(start({ views: ["codes"] })).offers("mix"), false);
});

test("what a classifier sees: between two lengths of the ladder the lower one's words", () => {
  const film = new Film(start());
  film.mean.seen = { guess: { 16: "a cat", 24: "a dog" } };
  assert.equal(film.sees(frame("mean", 16)), "a cat");
  assert.equal(film.sees(frame("mean", 20)), "a cat at 16 tokens");
  assert.equal(film.sees(frame("sample", 24)), "a dog in the mean");
  assert.equal(film.sees(frame("mean", 3)), "");
});

test("another seed: the samples go, the means stay", () => {
  const film = new Film(start());
  const old = frame("sample", 8);
  old.bitmap = bitmap();
  film.sample.add(old);
  film.mean.add(frame("mean", 8));
  film.done = true;
  film.retake();
  assert.equal(old.bitmap.closed, true);
  assert.deepEqual([film.sample.at.size, film.mean.at.size, film.done], [0, 1, false]);
});

test("a clip and a card have one kind throughout", () => {
  const film = new Film(start({ lengths: [0, 1, 4, 16] }));
  for (const k of film.lengths) film.mean.add(frame("mean", k));
  for (const k of [1, 4]) film.sample.add(frame("sample", k));
  const kinds = (frames) => frames.map(({ mode, length }) => `${mode} ${length}`);
  assert.deepEqual(kinds(oneKind(film, "sample")), ["mean 0", "mean 1", "mean 4", "mean 16"]);
  assert.deepEqual(kinds(shownOn(film, "sample")), ["mean 1", "mean 4", "mean 16"]);
  for (const k of [0, 16]) film.sample.add(frame("sample", k));
  assert.equal(
    oneKind(film, "sample").every(({ mode }) => mode === "sample"),
    true,
  );
  assert.equal(shownOn(film, "sample")[0].mode, "sample");
});
