import assert from "node:assert/strict";
import { test } from "node:test";
import { mayCome, quietly } from "../../demo/page/panels/scenes.js";
import { fresh } from "../../demo/page/state.js";

test("a scene comes by itself until the visitor turns the dial", () => {
  assert.equal(mayCome(fresh(), "gist"), true);
  assert.equal(mayCome({ ...fresh(), turned: true }, "gist"), false);
});

test("a scene that was asked for lets the others come, until the dial is turned again", () => {
  const state = { ...fresh(), turned: true, scene: "gist" };
  assert.equal(mayCome(state, "mean"), true);
  assert.equal(mayCome(state, "gist"), false, "it is there already");
  assert.equal(mayCome({ ...state, scene: "" }, "mean"), false);
});

test("a scene that comes by itself opens no panel, and takes no photo of a visitor's own away", () => {
  const hash = "k=256&mode=sample&panel=explore&photo=astronaut&scene=faces";
  assert.equal(quietly(hash, false).toString(), "k=256&mode=sample&photo=astronaut&scene=faces");
  assert.equal(quietly(hash, true).toString(), "k=256&mode=sample&scene=faces");
});
