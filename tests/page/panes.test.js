import assert from "node:assert/strict";
import { test } from "node:test";
import { Film } from "../../demo/page/film.js";
import { moved, placed, WHOLE, zoomed } from "../../demo/page/lens.js";
import {
  choices,
  coloursOf,
  exchanged,
  frameFor,
  lengthFor,
  merged,
  panesOf,
  panesRead,
  panesSaid,
  sizesOf,
} from "../../demo/page/panes.js";
import { fresh, read, write } from "../../demo/page/state.js";
import { marksTo } from "../../demo/page/together.js";
import { frame, info, start } from "./stand_in.js";

const PCA = info({ name: "pca", title: "Components, linear", generative: false, role: "baseline" });
const ALIT = {
  name: "alit-256",
  title: "ALIT, 256 hard tokens",
  lengths: [32, 64, 96, 128, 160, 192, 224, 256],
};
const MODELS = [info(), PCA, info({ ...ALIT, generative: false, bytes_per_token: 1.5 })];
const filmOf = (more = {}, head = {}) => new Film({ ...start(more), original: "photo", ...head });
const named = (film, models = MODELS) => choices(film, models).map(({ name }) => name);

test("a film has panes of all models, of its means, and of codecs; titles are short where that is clear", () => {
  assert.deepEqual(named(filmOf()), ["toy", "toy.mean", "pca", "alit-256", "WebP", "JPEG"]);
  const titles = choices(filmOf(), MODELS).map(({ title }) => title);
  assert.deepEqual(titles.slice(0, 4), ["Toy", "Toy: mean", "Components", "ALIT"]);
  const twins = [...MODELS, info({ name: "pca-2", title: "Components, more", generative: false })];
  assert.equal(choices(filmOf(), twins)[2].title, "Components, linear");
});

test("a link's film has its own model's panes alone, and so has a model of which nothing else is known", () => {
  assert.deepEqual(named(filmOf({}, { original: null })), ["toy", "toy.mean"]);
  assert.deepEqual(named(filmOf({ views: ["less"] }), []), ["toy", "toy.mean"]);
});

test("a film of this browser has those models alone that are here, and says whose encoder made a codec's files", () => {
  const here = filmOf({ alone: true, besides: ["pca"] });
  assert.deepEqual(named(here), ["toy", "toy.mean", "pca", "WebP", "JPEG"]);
  assert.deepEqual(named(filmOf({ alone: true })), ["toy", "toy.mean", "WebP", "JPEG"]);
  const [webp] = choices(here, MODELS).slice(-2);
  assert.equal(webp.title, "WebP, this browser’s");
  assert.match(webp.about, /own encoder/);
  assert.equal(choices(filmOf(), MODELS).at(-1).title, "JPEG");
});

test("two panes to begin with: this film's model and the best other, else its mean, else a codec", () => {
  const panes = (film, models, wanted = []) => panesOf(wanted, choices(film, models));
  assert.deepEqual(panes(filmOf(), MODELS), ["toy", "pca"]);
  assert.deepEqual(panes(filmOf(), []), ["toy", "toy.mean"]);
  assert.deepEqual(panes(filmOf({ generative: false }), []), ["toy", "WebP"]);
  assert.deepEqual(panes(filmOf({ generative: false }, { original: null }), MODELS), ["toy"]);
});

test("what cannot be shown is left out, nothing is shown twice, and there are two to four", () => {
  const panes = (...wanted) => panesOf(wanted, choices(filmOf(), MODELS));
  assert.deepEqual(panes("JPEG", "none", "JPEG"), ["JPEG", "toy"]);
  assert.deepEqual(panes("toy", "pca", "WebP", "JPEG", "alit-256"), ["toy", "pca", "WebP", "JPEG"]);
  assert.deepEqual(panes("WebP", "JPEG"), ["WebP", "JPEG"], "not even this film's");
});

test("another pane in a place; what stands elsewhere changes places with it", () => {
  assert.deepEqual(exchanged(["a", "b", "c"], 1, "d"), ["a", "d", "c"]);
  assert.deepEqual(exchanged(["a", "b", "c"], 0, "c"), ["c", "b", "a"]);
});

test("at equal tokens a pane has the nearest length, at equal bytes the longest that fits", () => {
  const alit = filmOf({ ...ALIT, bytes_per_token: 1.5 });
  const length = (film, k, bytes, equal) => lengthFor(film, { k, bytes, equal });
  assert.equal(length(alit, 100, 800, "tokens"), 96);
  assert.equal(length(alit, 1, 8, "tokens"), 32);
  assert.equal(length(alit, 24, 192, "bytes"), 128, "128 tokens of 12 bits have 192 bytes");
  assert.equal(length(alit, 24, 191, "bytes"), 96);
  assert.equal(length(alit, 5, 40, "bytes"), undefined, "the shortest code has 48");
  assert.equal(length(filmOf(), 200, 1600, "bytes"), 200);
});

test("with equal bytes no longer picture stands in while a shorter one is here", () => {
  const film = filmOf();
  for (const k of [16, 24]) film.mean.add(frame("mean", k));
  assert.equal(frameFor(film, 20, "mean", "tokens").length, 24, "the nearest in octaves");
  assert.equal(frameFor(film, 20, "mean", "bytes").length, 16);
  assert.equal(frameFor(film, 24, "mean", "bytes").length, 24);
  assert.equal(frameFor(film, 8, "mean", "bytes").length, 16, "else what there is");
});

test("codecs are asked for files as large as the ladder's codes and the dial's, none of no bytes", () => {
  const film = filmOf({ lengths: [0, 1, 2, 3, 4, 5], ladder: [0, 1, 4] });
  assert.deepEqual(sizesOf(film, 3), [8, 24, 32]);
  assert.deepEqual(sizesOf(film, 4), [8, 32]);
});

test("lines of several panes lie over one list of places", () => {
  const { places, rows } = merged([
    [[8, 1]],
    [],
    [
      [4, 2],
      [8, 3],
    ],
  ]);
  assert.deepEqual(places, [4, 8]);
  assert.deepEqual(rows, [
    [null, 1],
    [null, null],
    [2, 3],
  ]);
});

test("a colour a pane: that of the same thing in other plots, else one that is free", () => {
  const colours = (names, mode = "sample") => coloursOf(names, filmOf(), mode, MODELS);
  assert.deepEqual(colours(["toy", "toy.mean", "pca", "WebP"]), ["sample", "mean", "linear", "WebP"]);
  assert.deepEqual(colours(["toy", "toy.mean"], "mean"), ["mean", "other-1"], "two of the same kind");
  assert.deepEqual(colours(["alit-256", "JPEG", "other", "third"]), [
    "other-1",
    "JPEG",
    "other-2",
    "other-3",
  ]);
});

test("an address says the panes and what is equal, where Compare is open", () => {
  const film = { example: "coffee", original: "photo", tokens: "", home: "" };
  const state = { ...fresh(), panel: "compare", panes: ["toy.mean", "pca", "WebP"], equal: "bytes" };
  const url = new URL(write(state, film, "https://x.example/", true));
  assert.match(url.hash, /panel=compare&panes=toy.mean\+pca\+WebP&equal=bytes$/);
  const { panes, equal, panel } = read(url).state;
  assert.deepEqual([panes, equal, panel], [["toy.mean", "pca", "WebP"], "bytes", "compare"]);
  const own = new URL(write(state, { ...film, example: "" }, "https://x.example/", false));
  assert.deepEqual(read(own).state.panes, panes, "of a visitor's own photo, too: it says nothing of that");
  assert.deepEqual(panesSaid({ ...state, panel: "share" }), {});
  assert.deepEqual(panesSaid({ ...fresh(), panel: "compare" }), { panel: "compare" }, "the usual ones");
});

test("an address's nonsense names no pane", () => {
  assert.deepEqual(panesRead(new URLSearchParams("panes=<b>+&equal=weight")), {});
  assert.deepEqual(panesRead(new URLSearchParams("panes=a+b+c+d+e")).panes.length, 4);
});

test("the place under a finger stays under it, and nothing beside the picture is seen", () => {
  const at = (lens, left, top) => [lens.x + (left - 0.5) / lens.zoom, lens.y + (top - 0.5) / lens.zoom];
  const near = zoomed(zoomed(WHOLE, 2, 0.25, 0.75), 1.5, 0.5, 0.5);
  const nearer = zoomed(near, 1.2, 0.9, 0.4);
  assert.deepEqual(
    at(nearer, 0.9, 0.4).map((value) => value.toFixed(6)),
    at(near, 0.9, 0.4).map((value) => value.toFixed(6)),
  );
  assert.deepEqual(zoomed(WHOLE, 0.5), WHOLE);
  assert.equal(zoomed(WHOLE, 100).zoom, 8);
  assert.deepEqual(moved(zoomed(WHOLE, 2), 9, -9), { zoom: 2, x: 0.25, y: 0.75 });
  assert.deepEqual(
    moved(zoomed(WHOLE, 4), 0.5, 0.25),
    { zoom: 4, x: 0.375, y: 0.4375 },
    "along with a finger",
  );
  assert.deepEqual(placed(WHOLE), { "--zoom": "1.000", "--right": "0.000%", "--down": "0.000%" });
});

test("an axis has few marks, from nothing to its end", () => {
  assert.deepEqual(marksTo(256), [0, 1, 2, 4, 8, 16, 32, 64, 128, 256]);
  assert.deepEqual(marksTo(2048), [0, 1, 4, 16, 64, 256, 1024]);
  assert.deepEqual(marksTo(48), [0, 1, 2, 4, 8, 16, 32]);
});
