import assert from "node:assert/strict";
import { test } from "node:test";
import { Film } from "../../demo/page/film.js";
import { judge } from "../../demo/page/judge.js";
import { Opener } from "../../demo/page/opener.js";
import { frame, start } from "./stand_in.js";

/** A source that answers each question when it is told to. */
const patient = () => {
  const waiting = [];
  const ask = (question) => new Promise((answer) => waiting.push({ question, answer }));
  return { source: { ask }, waiting };
};
const common = () => ({ model: "m" });

test("only the newest question's answer counts", async () => {
  const { source, waiting } = patient();
  const opener = new Opener(source);
  const [first, second] = [opener.open({ photo: 1 }, common), opener.open({ photo: 2 }, common)];
  await new Promise(setImmediate);
  waiting[0].answer({ start: 1 });
  assert.equal(await first, null);
  assert.equal(opener.busy, true, "the newest is not answered yet");
  waiting[1].answer({ start: 2 });
  assert.deepEqual(await second, { start: 2 });
  assert.equal(opener.busy, false);
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

test("a server that is full says so, and is asked again until it begins the film", async () => {
  const answers = [{ note: "Many visitors are here." }, { note: "Still many.", again: 7.5 }, { start: 1 }];
  const [said, waits] = [[], []];
  const around = { said: (note) => said.push(note), wait: async (ms) => waits.push(ms) };
  const opener = new Opener({ ask: async () => answers.shift() }, around);
  assert.deepEqual(await opener.open({ photo: 1 }, common), { start: 1 });
  assert.deepEqual(said, ["Many visitors are here.", "Still many."]);
  assert.deepEqual(waits, [1500, 7500], "when it says, else after a while");
});

test("a server that is full is not asked again for a photo that nobody wants any more", async () => {
  let asked = 0;
  const source = { ask: async ({ photo }) => (photo === 1 ? { note: `full ${asked++}` } : { start: photo }) };
  const around = { wait: () => new Promise(setImmediate) };
  const opener = new Opener(source, around);
  const first = opener.open({ photo: 1 }, common);
  await new Promise(setImmediate);
  assert.deepEqual(await opener.open({ photo: 2 }, common), { start: 2 });
  assert.equal(await first, null);
  const before = asked;
  await new Promise((soon) => setTimeout(soon, 20));
  assert.equal(asked, before);
});

test("a classifier is asked once a kind, when its ladder is there", async () => {
  const film = new Film(start({ lengths: [1, 2] }));
  const asked = [];
  const view = async (name, { of }) => {
    asked.push([name, of]);
    return { guess: { 1: "fog" }, agreement: {}, photo: "cat" };
  };
  film.done = true;
  film.mean.add(frame("mean", 1));
  assert.equal(await judge(film, view), false, "not the whole ladder");
  film.mean.add(frame("mean", 2));
  assert.equal(await judge(film, view), true);
  assert.equal(await judge(film, view), false);
  assert.deepEqual(asked, [["guess", "mean"]]);
  assert.equal(film.sees(frame("mean", 2)), "fog at 1 token");
});
