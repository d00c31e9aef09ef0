import assert from "node:assert/strict";
import { test } from "node:test";
import { Film } from "../../demo/page/film.js";
import { Puller } from "../../demo/page/pull.js";
import { frame, start } from "./stand_in.js";

const row = (mode, k) => [mode, k, "", "", 20, 0.5, [0, 0, 0]];

/** A page of which a source answers one list of answers, one after the other. */
function page(answers) {
  const state = { film: new Film(start({ lengths: [0, 1, 2] })), k: 1, lacking: false };
  const asked = [];
  const said = [];
  const bitmaps = [];
  const waits = [];
  const needs = {
    source: {
      still: false,
      async ask(question) {
        asked.push(structuredClone(question));
        const answer = answers.shift();
        return typeof answer === "function" ? answer(state) : (answer ?? { frames: [], told: {} });
      },
    },
    film: () => state.film,
    asked: () => ({ token: state.film.token, k: state.k }),
    lacking: () => state.lacking,
    async unpack() {
      const bitmap = {
        closed: false,
        close() {
          this.closed = true;
        },
      };
      bitmaps.push(bitmap);
      return bitmap;
    },
    say: (...words) => said.push(words),
    waits: (film) => said.push(["waits", film.wait]),
    told() {},
    arrived() {},
    wait: async (ms) => waits.push(ms),
  };
  const puller = new Puller(needs, (row, bitmap) => frame(row[0], row[1], { bitmap }));
  return { state, asked, said, bitmaps, waits, puller };
}

test("it asks until nothing is lacking, and says what it has", async () => {
  const { state, asked, puller } = page([
    { frames: [row("mean", 0), row("sample", 0)], told: { tokens: "T" } },
    { frames: [row("mean", 1)], told: {} },
    { frames: [], told: { linear: [1] } },
  ]);
  await puller.pull();
  assert.deepEqual(
    asked.map((question) => question.means),
    [[], [0], [0, 1]],
  );
  assert.deepEqual(
    asked.map((question) => question.samples),
    [[], [0], [0]],
  );
  assert.deepEqual(asked[2].told, ["tokens"]);
  assert.deepEqual(state.film.mean.have, [0, 1]);
  assert.deepEqual(state.film.told, { tokens: "T", linear: [1] });
  assert.equal(state.film.done, true);
  await puller.pull();
  assert.equal(asked.length, 3, "all is there");
});

test("an answer to an older film is dropped", async () => {
  const other = new Film({ ...start({ lengths: [0, 1, 2] }), token: "other" });
  const { state, asked, puller } = page([
    (now) => {
      now.film = other;
      return { frames: [row("mean", 0)], told: { tokens: "old" } };
    },
    { frames: [row("mean", 2)], told: {} },
  ]);
  const old = state.film;
  await puller.pull();
  assert.deepEqual([old.mean.have, old.told], [[], {}]);
  assert.deepEqual(other.mean.have, [2]);
  assert.deepEqual(
    asked.map((question) => question.token),
    ["t", "other", "other"],
  );
});

test("frames of an older seed are closed, not shown", async () => {
  const { state, bitmaps, puller } = page([
    (now) => {
      now.film.retake(); // while the question is under way
      return { frames: [row("sample", 1), row("mean", 1)], told: {} };
    },
  ]);
  await puller.pull();
  assert.deepEqual(state.film.sample.have, []);
  assert.deepEqual(state.film.mean.have, [1]);
  assert.deepEqual(
    bitmaps.map((bitmap) => bitmap.closed),
    [true, false],
  );
});

test("a note is said and the question asked again; an error ends it", async () => {
  const notes = [{ note: "The model is loading…" }, { note: "Many are here.", full: true, again: 1.2 }];
  const { asked, said, waits, puller } = page([...notes, { error: "Gone." }]);
  await puller.pull();
  assert.equal(asked.length, 3);
  assert.deepEqual(said, [["The model is loading…"], ["Many are here."], ["Gone.", true]]);
  assert.deepEqual(waits, [300, 1200], "when the server says, else soon");
});

test("a server that is away is asked again later", async () => {
  const { asked, puller } = page([
    () => {
      throw new Error("away");
    },
  ]);
  await puller.pull();
  assert.ok(puller.later);
  clearTimeout(puller.later);
  assert.equal(asked.length, 1);
  await puller.pull();
  assert.equal(asked.length, 2);
});

test("while a sample is lacking where the dial is, it goes on though the film is done", async () => {
  const { state, asked, puller } = page([]);
  await puller.pull();
  state.lacking = true;
  await puller.pull();
  assert.equal(asked.length, 2);
});

test("facts of two kinds of pictures become what is seen in each", async () => {
  const { state, puller } = page([
    {
      frames: [],
      told: {
        guess: { mean: { 1: "fog" }, sample: { 1: "cat" }, photo: "cat" },
        agreement: { mean: { 1: 0 }, sample: { 1: 1 } },
      },
    },
  ]);
  await puller.pull();
  assert.deepEqual(state.film.sample.seen, { guess: { 1: "cat" }, agreement: { 1: 1 }, photo: "cat" });
  assert.deepEqual(state.film.mean.seen.guess, { 1: "fog" });
});

test("a slow model's page is told so once, and then waits for pictures", async () => {
  const { state, asked, said, puller } = page([{ wait: { mean: 4 } }, { frames: [row("mean", 0)] }]);
  await puller.pull();
  assert.deepEqual(state.film.wait, { mean: 4 });
  assert.deepEqual(said, [["waits", { mean: 4 }]]);
  assert.deepEqual(
    asked.map((question) => question.patient),
    [false, true, true],
  );
});

test("a film that is stopped is asked for no more, and goes on where it was", async () => {
  const { state, asked, puller } = page([
    { wait: { mean: 4 } },
    (now) => {
      now.film.stopped = true; // while the picture is painted
      return { frames: [row("mean", 1)] };
    },
    { frames: [row("mean", 0)] },
  ]);
  await puller.pull();
  assert.equal(asked.length, 2);
  assert.deepEqual([state.film.mean.have, state.film.done], [[1], false], "what was painted is kept");
  await puller.pull();
  assert.equal(asked.length, 2);
  state.film.stopped = false;
  await puller.pull();
  assert.deepEqual(state.film.mean.have, [1, 0]);
  assert.equal(state.film.done, true);
});
