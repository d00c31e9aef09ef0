import assert from "node:assert/strict";
import { test } from "node:test";
import { brought, linkIn } from "../../demo/page/brought.js";
import { read } from "../../demo/page/state.js";
import { tokensOf } from "../../demo/page/tokens.js";

const TOKENS = "AbC-_123".repeat(5);
const LINK = `https://x.example/dial/?a=1#k=24&seed=3&mode=mean&t=${TOKENS}`;
const transfer = (types, files = []) => ({ files, getData: (type) => types[type] ?? "" });

test("a file is taken, whatever else comes along", () => {
  const file = new File(["x"], "x.png");
  assert.deepEqual(brought(transfer({ "text/uri-list": "https://x.example/x.png" }, [file]), true), { file });
});

test("a link into a page like this one opens; its tokens may be broken by line ends", () => {
  const { link } = brought(
    transfer({ "text/plain": `\n ${LINK.slice(0, 70)}\n  ${LINK.slice(70)} ` }),
    false,
  );
  assert.deepEqual([link.get("t"), link.get("k"), link.get("seed")], [TOKENS, "24", "3"]);
  assert.equal(linkIn("https://x.example/?photo=china#k=4").get("photo"), "china");
});

test("another web address is a sentence; so is a text, unless it was pasted", () => {
  for (const meant of [true, false]) {
    const said = brought(transfer({ "text/uri-list": "https://videos.example/#t=30s" }), meant).words;
    assert.match(said, /fetches nothing from elsewhere/);
  }
  assert.match(brought(transfer({ "text/plain": "a cat" }), true).words, /holds no picture/);
  assert.equal(brought(transfer({ "text/plain": "a cat" }), false).words, "");
  assert.match(brought(null, true).words, /holds no picture/);
});

test("tokens with blanks, line ends, marks that are not seen, ordinary base64, or a whole link", () => {
  const broken = `${TOKENS.slice(0, 9)} \r\n\t${TOKENS.slice(9, 20)}%20%0A\u200b${TOKENS.slice(20)}`;
  const ordinary = `${TOKENS.replaceAll("-", "+").replaceAll("_", "%2F")}==`;
  for (const text of [TOKENS, broken, ordinary, LINK, encodeURIComponent(LINK), `${LINK}&name=1`]) {
    assert.equal(tokensOf(text), TOKENS, text);
  }
});

test("an address with a whole link where tokens are wanted is that link", () => {
  for (const whole of [LINK, `%20${LINK}`, encodeURIComponent(LINK)]) {
    const { tokens, state } = read(new URL(`https://y.example/#k=3&t=${whole}`));
    assert.deepEqual([tokens, state.k, state.seed], [TOKENS, 24, 3]);
  }
  assert.equal(read(new URL("https://y.example/#t=https%3A%2F%2Fx%E0")).tokens.length > 0, true, "damaged");
});
