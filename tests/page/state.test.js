import assert from "node:assert/strict";
import { test } from "node:test";
import { asks, fresh, read, write } from "../../demo/page/state.js";
import { bytes, urlsafe } from "../../demo/page/tokens.js";

const HERE = "https://x.example/dial/?photo=coffee#k=9";
const film = { example: "", original: "photo", tokens: "a+b/c==", home: "" };
const at = (text) => read(new URL(text));

test("a link says an example, a length, a seed, a kind and an overlay", () => {
  const link = at("https://x.example/?photo=coffee#k=64&seed=7&mode=mean&show=add");
  assert.equal(link.photo, "coffee");
  assert.deepEqual(link.state, { k: 64, seed: 7, mode: "mean", overlay: "add" });
});

test("a round starts at one token and remembers what its sender needed", () => {
  const link = at("https://x.example/?photo=round-1#k=8&name=1");
  assert.deepEqual([link.named, link.sender, link.state.k], [true, 8, 1]);
});

test("what is wrong in an address is left out", () => {
  const link = at("https://x.example/#k=-3&seed=x&mode=loud&show=boo");
  assert.deepEqual(link.state, { k: 32, seed: 0, mode: "sample" });
});

test("a whole link of a visitor's photo holds the tokens and never the photo's name", () => {
  const state = { ...fresh(), k: 24, seed: 3 };
  const link = at(write(state, film, HERE, true, { name: 1 }));
  assert.deepEqual([link.photo, link.tokens, link.named, link.sender], ["", "a-b_c", true, 24]);
  assert.equal(link.state.seed, 3);
});

test("the address bar holds only the dial of a visitor's own photo", () => {
  const url = new URL(write({ ...fresh(), k: 24 }, film, HERE, false));
  assert.equal(url.hash, "#k=24");
  assert.equal(url.search, "");
  assert.equal(url.pathname, "/dial/");
});

test("a link says the overlay and the scene, and a round's link neither", () => {
  const state = { ...fresh(), k: 16, overlay: "less", scene: "invented" };
  const example = { ...film, example: "coffee" };
  const link = at(write(state, example, HERE, true));
  assert.deepEqual([link.state.k, link.state.overlay, link.state.scene], [16, "less", "invented"]);
  assert.equal(
    new URL(write(state, example, HERE, true, { name: 1 })).hash,
    "#k=16&seed=0&mode=sample&name=1",
  );
});

test("the address bar says what is not as usual, so that a reload shows it again", () => {
  const state = { ...fresh(), k: 24, seed: 3, mode: "mean", overlay: "open" };
  const url = write(state, film, HERE, false);
  assert.equal(new URL(url).hash, "#k=24&seed=3&mode=mean&show=open");
  assert.deepEqual(at(url).state, { k: 24, seed: 3, mode: "mean", overlay: "open" });
});

test("a film that a link brought stays in the address bar whole", () => {
  const url = write(fresh(), { ...film, original: null }, HERE, false);
  assert.equal(at(url).tokens, "a-b_c");
});

test("an example's link is short, and a Space's is what is around its frame", () => {
  const url = new URL(write(fresh(), { ...film, example: "coffee" }, HERE, true));
  assert.ok(url.href.length < 90);
  assert.equal(url.searchParams.get("photo"), "coffee");
  const home = "https://x.example/spaces/dial";
  assert.ok(write(fresh(), { ...film, home }, HERE, true).startsWith(`${home}#`));
});

test("base64 to bytes, and to what a link may hold", () => {
  assert.deepEqual([...bytes("AQL/")], [1, 2, 255]);
  assert.equal(urlsafe("+/+="), "-_-");
});

test("a question says where the dial is, and a sample's steps are at least two", () => {
  const state = { ...fresh(), k: 7, seed: 3, model: "m" };
  const asked = { token: "", steps: 8, seed: 3, k: 7, model: "m", rest: true };
  assert.deepEqual(asks(state, null, true), asked);
  const film = (default_steps) => ({ token: "t", info: { default_steps } });
  assert.equal(asks(state, film(4), false).steps, 4);
  assert.equal(asks(state, film(1), false).steps, 2);
  assert.equal(asks({ ...state, steps: 12 }, film(4), false).steps, 12);
});
