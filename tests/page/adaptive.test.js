import assert from "node:assert/strict";
import { test } from "node:test";
import { Film } from "../../demo/page/film.js";
import { Scale } from "../../demo/page/lengths.js";
import { linesOf, MEASURES } from "../../demo/page/measures.js";
import { wake } from "../../demo/page/opener.js";
import { codeOf } from "../../demo/page/panels/attention.js";
import { shownOn } from "../../demo/page/panels/card.js";
import { answer, pairOf } from "../../demo/page/panels/codes.js";
import { inWords, lit } from "../../demo/page/panels/halted.js";
import { byModel, groups } from "../../demo/page/panels/model.js";
import { stored } from "../../demo/page/source.js";
import { fresh, read, told, write } from "../../demo/page/state.js";
import { frame, start } from "./stand_in.js";

const LENGTHS = [32, 64, 96, 128, 160, 192, 224, 256];
const alit = (modes = ["mean", "sharp"]) =>
  new Film(start({ lengths: LENGTHS, modes, generative: false, ordered: false }));

test("a model's kinds, and what stands for a wish that it has not", () => {
  const film = alit();
  assert.deepEqual([film.second, film.kind("sample"), film.kind("mean")], ["sharp", "sharp", "mean"]);
  assert.equal(new Film(start()).kind("sharp"), "sample", "an older film says only whether it is generative");
  assert.equal(alit(["mean"]).kind("sharp"), "mean");
  assert.deepEqual(alit(["mean", "sharp", "flow"]).modes, ["mean", "sharp"], "a flow has no reel");
  film.mean.add(frame("mean", 64));
  assert.equal(film.choose(64, "sample")[1], "mean, sharp coming");
  assert.equal(film.lacks(64, "sample"), true);
  film.sharp.add(frame("sharp", 64));
  assert.deepEqual(film.choose(64, "sample").slice(1), ["sharp"]);
  assert.equal(film.lacks(64, "sample"), false);
  assert.equal(film.still(64, "sharp").mode, "sharp");
});

test("the curves have the model's own kinds", () => {
  const film = alit();
  film.sharp.add(frame("sharp", 64, { psnr: 19 }));
  const lines = linesOf(film, MEASURES[0]);
  assert.deepEqual(Object.keys(lines), ["mean", "sharp", "linear", "WebP"]);
  assert.deepEqual(lines.sharp, [[64, 19]]);
});

test("a card of few lengths has five of them, from the first to the last", () => {
  const film = alit();
  for (const k of LENGTHS) film.mean.add(frame("mean", k));
  assert.deepEqual(
    shownOn(film, "mean").map(({ length }) => length),
    [32, 96, 160, 192, 256],
  );
});

test("few lengths are even notches, many stand in octaves", () => {
  const few = new Scale(LENGTHS);
  assert.deepEqual(
    LENGTHS.map((k) => few.place(k)),
    LENGTHS.map((_, i) => i / 7),
  );
  assert.deepEqual(
    [-1, 0.5, 2].map((part) => few.at(part)),
    [32, 160, 256],
  );
  assert.deepEqual(few.marks(), LENGTHS);
  assert.equal(few.octaves(256), 1);
  assert.ok(few.octaves(64) > 1 / 7, "a plot's axis stays logarithmic");
  assert.deepEqual([new Scale([64]).place(64), new Scale([64]).at(0.3)], [1, 64], "a link's only code");
  const many = new Scale(Array.from({ length: 257 }, (_, k) => k));
  assert.equal(many.place(15), 0.5 * many.place(255));
});

test("an address holds the code that is shown, and the model where it is not the first", () => {
  const film = alit();
  film.told = { tokens: "all", codes: { 64: "code64", 128: "code128" } };
  const link = read(new URL("http://x/?model=alit#mode=sharp"));
  assert.deepEqual([link.state.model, link.state.mode], ["alit", "sharp"]);
  const state = { ...fresh(), ...link.state, k: 64 };
  const url = new URL(write(state, told(film, link, 64), "http://x/", true));
  assert.equal(url.searchParams.get("model"), "alit");
  assert.equal(new URLSearchParams(url.hash.slice(1)).get("t"), "code64");
  assert.equal(told(film, link, 32).tokens, "all", "of a length that is not here");
  assert.equal(
    new URL(write(fresh(), told(film, link, 64), url.href, true)).searchParams.has("model"),
    false,
  );
});

test("the first film: a link's, else an example; a model that is not here gives way to the first", async () => {
  const asked = [];
  const bring = (refused) => async (question) => {
    asked.push(question);
    return refused(question);
  };
  const link = { photo: "china", tokens: "", named: false, sender: 0, state: { model: "gone" } };
  const wrong = await wake(
    link,
    bring(({ model }) => (model === "" ? undefined : "No such model.")),
  );
  assert.equal(wrong, "No such model.");
  assert.deepEqual(asked, [
    { from: "example", photo: "china" },
    { from: "example", photo: "china", model: "" },
  ]);
  assert.equal(
    await wake(
      { ...link, tokens: "t" },
      bring(() => undefined),
    ),
    undefined,
  );
  assert.equal(
    await wake(
      { ...link, tokens: "t" },
      bring(({ from }) => from === "link" && "Damaged."),
    ),
    "Damaged.",
  );
});

test("another model keeps the photo: an example by its name, all else by its film", () => {
  const film = alit();
  assert.deepEqual(byModel(film, "flow"), { from: "again", token: "t", model: "flow" });
  film.example = "china";
  assert.deepEqual(byModel(film, "flow"), { from: "example", photo: "china", model: "flow" });
  const models = ["main", "main", "baseline"].map((role, i) => ({
    name: `${i}`,
    title: "",
    role,
    ordered: true,
  }));
  assert.deepEqual(
    groups(models).map(([, some]) => some.length),
    [2, 1],
  );
  assert.equal(groups(models.slice(0, 2)).length, 1);
});

test("what is right already: its share, and light where it is", () => {
  const mask = Uint8Array.from([1, 0, 0, 1, 1, 0, 0, 0]);
  assert.match(inWords(mask, 64), /^At 64 tokens 38 % of the picture was right by now/);
  const rgba = lit(mask);
  assert.equal(rgba.length, 32);
  assert.ok(rgba[0] > 60 && rgba[4] < 60, "light, then dark");
});

test("a long code is not a short one and more, or it is, and the numbers say so", () => {
  const rows = [
    [32, 64, 0.97, 0.3],
    [64, 96, 0.8, 0.15],
  ];
  assert.match(answer(rows, [32, 64]), /^No: 97 % of the first 32 tokens are others \(30 % of their bits\)/);
  const ordered = [
    [1, 2, 0, 0],
    [2, 4, 0, 0],
  ];
  assert.match(answer(ordered, [2, 4]), /^Yes, here: the first 2 of 4 tokens are the code of 2/);
  assert.equal(answer([], [2, 4]), "");
  assert.deepEqual(pairOf([0, 1, 2, 3, 4, 16, 24, 32, 48, 64, 128]), [32, 64]);
  assert.deepEqual(pairOf([2, 4, 6]), [2, 4]);
  assert.deepEqual(pairOf([4, 10]), [4, 10]);
});

test("maps belong to one code where there is a code a length", () => {
  assert.equal(codeOf(alit(), 64), 64);
  assert.equal(codeOf(new Film(start()), 64), 0);
});

test("without a server another model's films are in a folder of its name", async () => {
  const asked = [];
  const models = ["flow", "alit"].map((name) => ({
    name,
    title: "",
    role: "main",
    ordered: name === "flow",
  }));
  const get = async (url) => {
    asked.push(url.pathname);
    return { ok: !url.pathname.includes("gone"), json: async () => ({ start: { ...start(), models } }) };
  };
  const source = stored(new URL("http://x/page/"), get);
  const ask = (photo, model) => source.ask({ what: "start", from: "example", photo, model });
  await ask("china", "");
  await ask("china", "alit");
  await ask("coffee", "flow");
  assert.match((await ask("china", "gone")).error, /no server/);
  assert.deepEqual(asked, [
    "/page/china.json",
    "/page/alit/china.json",
    "/page/coffee.json",
    "/page/gone/china.json",
  ]);
});
