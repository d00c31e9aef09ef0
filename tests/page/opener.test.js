import assert from "node:assert/strict";
import { test } from "node:test";
import { Opener } from "../../demo/page/opener.js";

/** A source that answers each question when it is told to. */
const patient = () => {
  const waiting = [];
  const ask = (question) => new Promise((answer) => waiting.push({ question, answer }));
  return { source: { ask }, waiting };
};
const common = () => ({ what: "start", model: "m" });

test("only the newest question's answer counts", async () => {
  const { source, waiting } = patient();
  const opener = new Opener(source);
  const [first, second] = [opener.open({ photo: 1 }, common), opener.open({ photo: 2 }, common)];
  await new Promise(setImmediate);
  waiting[1].answer({ start: 2 });
  waiting[0].answer({ start: 1 });
  assert.deepEqual(await Promise.all([first, second]), [null, { start: 2 }]);
  assert.deepEqual(waiting[1].question, { what: "start", model: "m", photo: 2 });
});

test("a photo that is still being sent asks nothing once another one was chosen", async () => {
  const { source, waiting } = patient();
  const opener = new Opener(source);
  const slow = opener.open(() => new Promise((soon) => setTimeout(soon, 20, { path: "old" })), common);
  const quick = opener.open({ path: "new" }, common);
  await new Promise(setImmediate);
  waiting[0].answer({ start: 1 });
  assert.deepEqual(await Promise.all([slow, quick]), [null, { start: 1 }]);
  assert.equal(waiting.length, 1);
});

test("a photo that cannot be sent is a sentence", async () => {
  const opener = new Opener(patient().source);
  const failed = opener.open(() => Promise.reject(new Error("Too large.")), common);
  assert.deepEqual(await failed, { error: "Too large." });
});
