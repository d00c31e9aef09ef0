import assert from "node:assert/strict";
import { test } from "node:test";
import { Beside } from "../../demo/page/beside.js";
import { Film } from "../../demo/page/film.js";
import { MEASURES } from "../../demo/page/measures.js";
import { points, seen } from "../../demo/page/seen.js";
import { stored } from "../../demo/page/source.js";
import { fresh } from "../../demo/page/state.js";
import { frame, info, start } from "./stand_in.js";

const SHORT = { lengths: [0, 1, 2, 4], ladder: [0, 1, 2, 4] };
const frameOf = ([mode, length, , , psnr]) => frame(mode, length, { psnr });
const row = (k) => ["mean", k, "", "", 10 + k, 0.5, [0, 0, 0]];
const settled = () => new Promise((soon) => setTimeout(soon, 5));

/** A page with a film on its dial, panes, and a server whose answers are given. */
function page(names, answer) {
  const main = new Film({ ...start(SHORT), original: "photo" });
  const asked = [];
  const source = {
    still: false,
    ask: async (question) => {
      asked.push(question);
      return answer(question, asked.length);
    },
  };
  const room = { main, names, asked, state: { ...fresh(), k: 4, mode: "mean" } };
  const needs = {
    source,
    state: room.state,
    main: () => room.main,
    names: () => room.names,
    unpack: async () => {
      room.unpacking?.();
      return { close() {} };
    },
    arrived() {},
  };
  room.beside = new Beside(needs, frameOf);
  return room;
}

const ladder = (film) => {
  for (const k of film.ladder) film.mean.add(frame("mean", k));
};

/** A server with one other model of three lengths, which has frames as they are asked for. */
const other = ({ what, means = [] }) => {
  const head = { ...start({ name: "other", lengths: [1, 2, 4], generative: false }), token: "other's" };
  const lacking = [1, 2, 4].filter((k) => !means.includes(k)).slice(0, 1);
  const frames = lacking.map(row);
  return what === "start" ? { start: head, frames, told: {} } : { frames, told: {} };
};

test("a pane's film is asked for once the dial's own has its ladder, and pulls until all is there", async () => {
  const room = page(["toy", "other"], other);
  room.beside.go();
  await settled();
  assert.deepEqual(room.asked, [], "the main film first");
  ladder(room.main);
  room.beside.go();
  await settled();
  assert.equal(room.asked[0].from, "beside");
  assert.equal(room.asked[0].token, "t");
  assert.ok(room.asked.every((question) => question.beside));
  assert.deepEqual(
    room.asked.slice(1).map(({ token }) => token),
    Array(3).fill("other's"),
  );
  const { frame: shown, tokens, bytes } = seen(room.beside, "other");
  assert.deepEqual([shown.length, tokens, bytes], [4, 4, 32]);
  assert.deepEqual(points(room.beside, "other", MEASURES[0]), [
    [1, 11],
    [2, 12],
    [4, 14],
  ]);
});

test("nothing more is asked for a pane that is gone, and it goes on where it stopped", async () => {
  const room = page(["other"], other);
  ladder(room.main);
  room.unpacking = () => {
    if (room.asked.length > 1) room.names = [];
  };
  room.beside.go();
  await settled();
  const before = room.asked.length;
  assert.ok(before <= 3);
  room.unpacking = () => {};
  room.names = ["other"];
  room.beside.go();
  await settled();
  assert.ok(room.asked.length > before);
  assert.deepEqual(room.beside.filmOf("other").mean.have.sort(), [1, 2, 4]);
});

test("panes ask one after the other", async () => {
  let busy = 0;
  const slow = async (question) => {
    busy += 1;
    assert.equal(busy, 1);
    await new Promise((soon) => setTimeout(soon, 1));
    busy -= 1;
    return question.view === "codec" ? { files: question.sizes.map(() => null) } : other(question);
  };
  const room = page(["other", "WebP", "JPEG"], slow);
  ladder(room.main);
  room.beside.go();
  const kinds = () => new Set(room.asked.map(({ of }) => of));
  for (let turn = 0; turn < 1000 && kinds().size < 3; turn++)
    await new Promise((soon) => setTimeout(soon, 1));
  assert.deepEqual(kinds(), new Set([undefined, "WebP", "JPEG"]));
});

test("a codec shows its largest file that is not larger; where there is none it says so", async () => {
  const files = ({ sizes }) => ({ files: sizes.map((size) => (size < 16 ? null : row(size).slice(1))) });
  const room = page(["WebP"], files);
  ladder(room.main);
  room.state.k = 2;
  room.beside.go();
  await settled();
  assert.deepEqual(room.asked[0].sizes, [8, 16, 32]);
  assert.equal(seen(room.beside, "WebP").bytes, 16);
  room.state.k = 1;
  assert.equal(seen(room.beside, "WebP").note, "No WebP file has so few bytes.");
  assert.deepEqual(points(room.beside, "WebP", MEASURES[0]), [
    [2, 26],
    [4, 42],
  ]);
  room.state.equal = "bytes";
  assert.deepEqual(points(room.beside, "WebP", MEASURES[0]), [
    [16, 26],
    [32, 42],
  ]);
  room.beside.go();
  await settled();
  assert.equal(room.asked.length, 1, "what no file has is not asked for again");
});

test("why there is no picture is said, and tried again when the dial rests", async () => {
  let here = false;
  const room = page(["other"], (question) => (here ? other(question) : { error: "Away." }));
  ladder(room.main);
  room.beside.go();
  await settled();
  room.beside.go();
  await settled();
  assert.equal(room.asked.length, 1);
  assert.equal(seen(room.beside, "other").note, "Away.");
  here = true;
  room.beside.retry();
  room.beside.go();
  await settled();
  assert.equal(seen(room.beside, "other").note, "");
});

test("a shortest code with too many bytes is a sentence", async () => {
  const room = page(["other"], other);
  ladder(room.main);
  room.beside.go();
  await settled();
  Object.assign(room.state, { k: 0, equal: "bytes" });
  assert.equal(seen(room.beside, "other").note, "Its shortest code has 8 bytes.");
});

test("another film on the dial lets all others go, and what comes late for the old one, too", async () => {
  let answer = () => {};
  const late = (question) => new Promise((soon) => (answer = () => soon(other(question))));
  const room = page(["other"], late);
  ladder(room.main);
  room.beside.go();
  await settled();
  room.beside.begin();
  answer();
  await settled();
  assert.equal(room.beside.filmOf("other"), null);
  assert.equal(room.asked.length, 1);
});

test("another seed lets a pane's samples go", async () => {
  const room = page(["other"], other);
  ladder(room.main);
  room.beside.go();
  await settled();
  const { sample, mean } = room.beside.filmOf("other");
  room.state.seed = 7;
  room.beside.go();
  assert.notEqual(room.beside.filmOf("other").sample, sample);
  assert.equal(room.beside.filmOf("other").mean, mean);
});

test("the models are asked for once", async () => {
  const room = page([], () => ({ models: [info()] }));
  await Promise.all([room.beside.list(), room.beside.list()]);
  await room.beside.list();
  assert.equal(room.asked.length, 1);
  assert.equal(room.beside.models[0].name, "toy");
});

test("without a server what stands beside an example comes from its file, read once", async () => {
  const files = {
    "/beside.json": { models: [info({ name: "pca" })] },
    "/coffee-beside.json": { pca: other({ what: "start" }), WebP: { files: [null, row(16).slice(1)] } },
  };
  const read = [];
  const get = async ({ pathname }) => {
    read.push(pathname);
    return { ok: pathname in files, json: async () => files[pathname] };
  };
  const { ask } = stored(new URL("https://x.example/"), get);
  assert.equal((await ask({ what: "models" })).models[0].name, "pca");
  assert.ok((await ask({ what: "start", from: "beside", token: "coffee", model: "pca" })).start);
  const codec = { what: "view", view: "codec", token: "coffee", sizes: [8, 16] };
  assert.deepEqual((await ask({ ...codec, of: "WebP" })).files, [null, row(16).slice(1)]);
  assert.match((await ask({ ...codec, of: "JPEG" })).error, /no server/);
  assert.match((await ask({ what: "start", from: "beside", token: "x", model: "pca" })).error, /no server/);
  assert.deepEqual(read, ["/beside.json", "/coffee-beside.json", "/x-beside.json"]);
});

test("a slow model's pane says how long it takes, and has a stop of its own", async () => {
  const wait = { mean: 5 };
  const room = page(["toy", "other"], (question, count) => {
    if (count === 1) return { ...other(question), frames: undefined, wait };
    if (!question.patient) return { wait };
    if (count === 3) room.beside.stopOrGoOn("other"); // while a picture is painted
    return other(question);
  });
  ladder(room.main);
  room.beside.go();
  await settled();
  assert.equal(room.asked.length, 3);
  assert.deepEqual(room.beside.filmOf("other").mean.have, [1], "what was painted is kept");
  assert.equal(seen(room.beside, "other").stop, "go on");
  room.beside.retry(); // the dial rests
  room.beside.go();
  await settled();
  assert.equal(room.asked.length, 3);
  room.beside.stopOrGoOn("other");
  await settled();
  assert.deepEqual(room.beside.filmOf("other").mean.have, [1, 2, 4]);
  assert.equal(seen(room.beside, "other").stop, "", "all is there");
});

test("before its first picture a slow model's pane says what a picture takes", async () => {
  const room = page(["toy", "other"], (question) => {
    if (question.what === "start") return { ...other(question), frames: undefined };
    return question.patient ? new Promise(() => {}) : { wait: { mean: 5 } };
  });
  ladder(room.main);
  room.beside.go();
  await settled();
  room.beside.retry();
  const { note, stop } = seen(room.beside, "other");
  assert.equal(note, "A picture takes about 5 seconds on this server: 3 lengths in about 15 seconds.");
  assert.equal(stop, "stop");
});
