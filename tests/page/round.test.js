import assert from "node:assert/strict";
import { test } from "node:test";
import { Film } from "../../demo/page/film.js";
import { Round, tally } from "../../demo/page/round.js";
import { choices, isNamed, ofDay, RIDDLES, told } from "../../demo/page/rounds.js";
import { askOrSay, stored } from "../../demo/page/source.js";
import { start } from "./stand_in.js";

const link = { tokens: "" };

test("a round counts the most that was seen, and ends with who needed fewer", () => {
  const [round, film] = [new Round(12), new Film(start())];
  for (const k of [2, 5, 3]) round.saw(k);
  assert.match(round.words(film), /So far: 5 tokens, 40 bytes\.$/);
  assert.equal(round.result(film, [5]), "You: 5 tokens, 40 bytes; sender: 12.\nYou win.");
  assert.match(
    new Round(1).result(film, [1, 4]),
    /A draw\. Your 2 rounds on this device: 2\.5 tokens on average\./,
  );
  assert.match(new Round(0).result(film, [1]), /The sender wins\./);
});

test("another photo ends a round, and so does an example that came instead of damaged tokens", () => {
  const round = new Round(3);
  assert.equal(round.holds({ ...start(), token: "a" }, link), true);
  assert.equal(round.holds({ ...start(), token: "b" }, link), false);
  assert.equal(new Round(3).holds({ ...start(), example: "coffee" }, { tokens: "AAAA" }), false);
});

test("tallies are kept, the newest 99", () => {
  const kept = {};
  const storage = {
    getItem: (name) => kept[name] ?? null,
    setItem: (name, text) => {
      kept[name] = text;
    },
  };
  for (let i = 1; i <= 120; i++) tally(i, storage);
  const rounds = JSON.parse(kept["tokendial-rounds"]);
  assert.deepEqual([rounds.length, rounds[0], rounds.at(-1)], [99, 22, 120]);
  assert.deepEqual(tally(1, { getItem: () => "{broken", setItem() {} }), []);
});

test("a page without a server has films of its examples, and a sentence for the rest", async () => {
  const asked = [];
  const get = async (url) => {
    asked.push(url.href);
    return { ok: !url.href.includes("none"), json: async () => ({ start: 1 }) };
  };
  const source = stored(new URL("https://x.example/a/"), get);
  assert.deepEqual(await source.ask({ what: "start", from: "example", photo: "china" }), { start: 1 });
  assert.deepEqual(asked, ["https://x.example/a/china.json"]);
  assert.match((await source.ask({ what: "start", from: "example", photo: "none" })).error, /no server/);
  assert.match((await source.ask({ what: "view" })).error, /no server/);
  assert.deepEqual(await source.ask({ token: "x" }), { frames: [], told: {} });
});

test("a server that is away is a sentence", async () => {
  const source = { ask: () => Promise.reject(new Error("x")) };
  assert.match((await askOrSay(source, {})).error, /away/);
});

test("twelve riddles or more, each with a name and three other things, none of them a name", () => {
  assert.ok(RIDDLES.length >= 12);
  assert.equal(new Set(RIDDLES.map((riddle) => riddle.photo)).size, RIDDLES.length);
  for (const riddle of RIDDLES) {
    const four = choices(riddle);
    assert.equal(new Set(four).size, 4);
    assert.equal(four.filter((name) => isNamed(riddle, name)).length, 1, riddle.photo);
  }
  const places = RIDDLES.map((riddle) => choices(riddle).indexOf(riddle.names[0]));
  assert.ok(new Set(places).size > 2, "the name is not always at the same place");
});

test("a typed answer needs no article, no capital and no mark", () => {
  const [riddle] = RIDDLES;
  for (const words of ["Car!", "a car", " the ferrari "]) assert.equal(isNamed(riddle, words), true, words);
  for (const words of ["", "boat", "carpet"]) assert.equal(isNamed(riddle, words), false, words);
});

test("a day's riddle is everybody's, and tomorrow's is another one", () => {
  const day = (text) => ofDay(new Date(text));
  assert.equal(day("2026-11-29T00:00:01Z"), day("2026-11-29T23:59:00Z"));
  assert.notEqual(day("2026-11-29T12:00:00Z"), day("2026-11-30T12:00:00Z"));
});

test("a result says how many tokens it took and nothing of what it was", () => {
  const words = told("round 4", 6, 2, 24);
  assert.equal(words, "tokendial, round 4: named with 6 tokens ✗✗✓ (we needed 24)");
});

test("a riddle's round ends with its name, and an example's film is no spoiler for it", () => {
  const [round, film] = [new Round(8, RIDDLES[0]), new Film(start())];
  round.wrong = 1;
  round.saw(9);
  assert.match(round.words(film), /So far: 9 tokens, 72 bytes\. Wrong answers: 1, a token each\./);
  assert.equal(round.result(film, [9]), "It is a car. You: 9 tokens, 72 bytes; we: 8.\nWe win.");
  round.gaveUp = true;
  assert.equal(round.result(film, []), "It is a car. Given up at 9 tokens; we: 8.");
  assert.equal(round.holds({ ...start(), example: "round-1" }, { tokens: "AAAA" }), true);
});
