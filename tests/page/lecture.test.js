import assert from "node:assert/strict";
import { test } from "node:test";
import { Lecture } from "../../demo/page/lecture.js";

const scene = (name) => ({
  name,
  title: name,
  words: `${name}!`,
  ask: `${name}?`,
  before: `${name}-b`,
  after: `${name}-a`,
});

test("a question comes before its answer, scene by scene, and no farther than the ends", () => {
  const lecture = new Lecture([scene("one"), scene("two")]);
  const seen = [[lecture.state, lecture.answered]];
  while (lecture.move(1)) seen.push([lecture.state, lecture.answered]);
  assert.deepEqual(seen, [
    ["one-b", false],
    ["one-a", true],
    ["two-b", false],
    ["two-a", true],
  ]);
  assert.equal(lecture.where, "2 of 2: two");
  assert.equal(lecture.move(-9), true);
  assert.equal(lecture.state, "one-b");
  assert.equal(lecture.move(-1), false);
});
