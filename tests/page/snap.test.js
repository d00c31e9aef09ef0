import assert from "node:assert/strict";
import { test } from "node:test";
import { isTap, opens } from "../../demo/page/snap.js";

test("a pull over a fifth of the screen opens or closes, a shorter one changes nothing", () => {
  assert.equal(opens(false, 200, 0, 800), true);
  assert.equal(opens(false, 100, 0, 800), false);
  assert.equal(opens(true, -200, 0, 800), false);
  assert.equal(opens(true, -100, 0, 800), true);
});

test("a throw goes on in its direction, however short", () => {
  assert.equal(opens(false, 20, 1, 800), true);
  assert.equal(opens(true, -20, -1, 800), false);
  assert.equal(opens(true, 300, -1, 800), false);
});

test("a finger that hardly moves only tapped", () => {
  assert.ok(isTap(-5));
  assert.ok(!isTap(7));
});
