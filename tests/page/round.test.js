import assert from "node:assert/strict";
import { test } from "node:test";
import { Film } from "../../demo/page/film.js";
import { Round, tally } from "../../demo/page/round.js";
import { askOrSay, stored } from "../../demo/page/source.js";
import { start } from "./stand_in.js";

const link = { tokens: "" };

test("a round counts the most that was seen, and ends with who needed fewer", () => {
  const [round, film] = [new Round(12), new Film(start())];
  for (const k of [2, 5, 3]) round.saw(k);
  assert.match(round.words(film, "a cat 40%"), /So far: 5 tokens, 40 bytes\. A classifier sees: a cat 40%\./);
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
