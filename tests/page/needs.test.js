import assert from "node:assert/strict";
import { test } from "node:test";
import { Asker, besides, CRITERIA, inWords, needed, sorted, together } from "../../demo/page/needs.js";

const need = (tokens, more = {}) => ({
  tokens,
  bytes: 2 * tokens,
  reached: true,
  score: 0.05,
  tried: 1,
  seconds: 0,
  ...more,
});
const row = (name, found) => ({
  name,
  ask: async () => ({ ours: name }),
  of: found ? { m: { need: found, webp: "" } } : {},
});
const names = (rows) => rows.map(({ name }) => name).join(" ");

test("the least need first; then what was never near enough, the nearest first; then what is not known", () => {
  const rows = [
    row("unknown"),
    row("far", need(32, { reached: false, score: 0.4 })),
    row("near", need(256, { reached: false, score: 0.1 })),
    row("face", need(64)),
    row("sky", need(32, { score: 0.06 })),
    row("flat", need(32, { score: 0.01 })),
  ];
  assert.equal(names(sorted(rows, "m", false)), "flat sky face near far unknown");
  assert.equal(names(sorted(rows, "m", true)), "sky flat face far near unknown", "a larger score is nearer");
  assert.equal(names(rows), "unknown far near face sky flat", "the list itself stays");
});

test("an equal picture, whose PSNR is no number, is the nearest", () => {
  const rows = [row("a", need(32, { score: 40 })), row("b", need(32, { score: null }))];
  assert.equal(names(sorted(rows, "m", true)), "b a");
});

test("words of one and of all", () => {
  assert.equal(needed(need(64)), "64 tokens, 128 bytes");
  assert.match(needed(need(256, { reached: false })), /^not reached; nearest with 256 tokens, 512 bytes$/);
  assert.equal(together([row("a")], "m"), "");
  const rows = [row("a", need(32)), row("b", need(65, { reached: false }))];
  assert.equal(together(rows, "m"), "1 of 2 pictures are near enough, with 32 tokens on average");
  assert.equal(together(rows.slice(0, 1), "m"), "A picture takes 32 tokens on average");
  assert.equal(together(rows.slice(1), "m"), "None of 1 is ever near enough");
  assert.equal(inWords(CRITERIA.psnr, 20), "at least 20 dB");
  assert.equal(inWords(CRITERIA.l1, 0.07), "at most 0.07");
});

test("beside a model stands the first main one of the other kind", () => {
  const models = [
    { name: "flow", title: "", role: "main", ordered: true },
    { name: "pca", title: "", role: "baseline", ordered: true },
    { name: "alit", title: "", role: "main", ordered: false },
  ];
  assert.equal(besides(models, "alit"), "flow");
  assert.equal(besides(models, "flow"), "alit");
  assert.equal(besides(models, "pca"), "alit");
  assert.equal(besides(models.slice(0, 2), "flow"), "");
});

const until = { criterion: "l1", threshold: 0.07 };
const settled = { need: need(32), webp: "w", original: "o" };

test("one at a time, all of the first model before the second, and a note is waited for", async () => {
  const asked = [];
  const ask = async (question) => {
    asked.push(`${question.model} ${question.ours}`);
    return asked.length === 1 ? { note: "The model is loading…" } : settled;
  };
  let came = 0;
  const asker = new Asker(
    ask,
    () => {
      came += 1;
    },
    async () => {},
  );
  const rows = [row("sky"), row("face")];
  await asker.start(rows, ["one", "two"], until);
  assert.deepEqual(asked, ["one sky", "one sky", "one face", "two sky", "two face"]);
  assert.equal(rows[0].of.two.need.tokens, 32);
  assert.equal(rows[1].original, "o");
  assert.equal(came, 5, "the empty list, and each answer");
});

test("what is wrong with one picture is its sentence, and the others go on", async () => {
  const ask = async ({ ours }) => (ours === "bad" ? { error: "No picture." } : settled);
  const lost = { ...row("lost"), ask: () => Promise.reject(new Error("The server is away.")) };
  const rows = [row("bad"), lost, row("sky")];
  await new Asker(ask, () => {}).start(rows, ["one", "two"], until);
  assert.deepEqual(
    rows.map(({ error }) => error),
    ["No picture.", "The server is away.", undefined],
  );
  assert.deepEqual(Object.keys(rows[2].of), ["one", "two"]);
});

test("a newer threshold ends an older run", async () => {
  const thresholds = [];
  const asker = new Asker(
    async ({ threshold }) => {
      thresholds.push(threshold);
      return settled;
    },
    () => {},
  );
  const rows = [row("sky"), row("face")];
  const older = asker.start(rows, ["one"], until);
  await asker.start(rows, ["one"], { criterion: "l1", threshold: 0.1 });
  await older;
  assert.deepEqual(thresholds.slice(-2), [0.1, 0.1]);
  assert.equal(thresholds.filter((each) => each === 0.07).length <= 1, true);
});
