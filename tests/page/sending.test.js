import assert from "node:assert/strict";
import { test } from "node:test";
import { Away } from "../../demo/page/patience.js";
import { EMPTY, MOST, pathOf, send, size, UNREADABLE, unfit } from "../../demo/page/sending.js";

const photo = (bytes = 1_400_000) => new File([new Uint8Array(bytes)], "photo.jpg");
const wanted = () => true;

/** A request that ends as it is told to, after some progress. */
function request({ status = 0, text = "", type = "load", parts = [] }) {
  const heard = {};
  return {
    upload: {},
    status,
    responseText: text,
    aborted: false,
    addEventListener: (name, call) => {
      heard[name] = call;
    },
    open() {},
    abort() {
      Object.assign(this, { aborted: true, status: 0 });
      heard.abort();
    },
    send() {
      setTimeout(() => {
        for (const part of parts) this.upload.onprogress({ loaded: part, total: 1 });
        if (!this.aborted) heard[type]();
      });
    },
  };
}
const sent = (what, file = photo(), want = wanted, progress = () => {}) =>
  send("to", file, progress, want, () => request(what));

test("a size is said in words", () => {
  assert.deepEqual([3, 350_400, 1_440_000, MOST].map(size), ["1 kB", "350 kB", "1.4 MB", "21.0 MB"]);
});

test("a file that was taken is a path, and its progress was told", async () => {
  const told = [];
  const what = { status: 200, text: '["/tmp/a.jpg"]', parts: [0.5, 1] };
  assert.equal(await sent(what, photo(), wanted, (part) => told.push(part)), "/tmp/a.jpg");
  assert.deepEqual(told, [0.5, 1]);
});

test("refused by a proxy: a sentence with the size that was tried, and what to do", async () => {
  await assert.rejects(sent({ status: 413, text: "<h1>413</h1>" }), /1\.4 MB was refused.*smaller/);
  await assert.rejects(sent({ status: 403 }), /1\.4 MB \(status 403\).*load the page anew/);
  assert.throws(() => pathOf(413, "", MOST + 1), /the most that can be sent/);
});

test("too much from one address and a full disk are the server's own sentence", async () => {
  const text = '{"detail":"The server\'s disk is full."}';
  for (const status of [429, 507]) await assert.rejects(sent({ status, text }), /^Error: The server's disk/);
  await assert.rejects(sent({ status: 507, text: "<h1>507</h1>" }), /status 507/);
});

test("what passes is no sentence: a line that breaks, an abort, a proxy without a server", async () => {
  for (const type of ["error", "abort", "timeout"]) await assert.rejects(sent({ type }), Away);
  for (const status of [408, 429, 502, 503, 504]) await assert.rejects(sent({ status }), Away);
  await assert.rejects(sent({ status: 200, text: "<html>Log in to the network</html>" }), Away);
});

test("a file that cannot be sent is a sentence before anything is sent", async () => {
  const never = () => assert.fail("nothing is sent");
  const folder = {
    size: 4096,
    slice: () => ({ arrayBuffer: () => Promise.reject(new Error("NotReadableError")) }),
  };
  assert.equal(await unfit(folder), UNREADABLE);
  assert.equal(await unfit(photo(0)), EMPTY);
  await assert.rejects(send("to", photo(MOST + 1), never, wanted, never), /21\.0 MB.*smaller/);
});

test("a photo that nobody waits for is not sent to its end", async () => {
  let want = true;
  const what = { status: 200, text: '["/tmp/a.jpg"]', parts: [0.5, 1] };
  const told = [];
  const progress = (part) => {
    told.push(part);
    want = false; // another photo was chosen
  };
  await assert.rejects(
    sent(what, photo(), () => want, progress),
    Away,
  );
  assert.deepEqual(told, [0.5]);
});

test("where nothing moves for a minute it is given up, and may be tried again", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const made = { ...request({ status: 200 }), send() {} };
  const given = send(
    "to",
    photo(),
    () => {},
    wanted,
    () => made,
  );
  await new Promise(setImmediate);
  context.mock.timers.tick(59_000);
  assert.equal(made.aborted, false);
  context.mock.timers.tick(1_000);
  await assert.rejects(given, Away);
  assert.equal(made.aborted, true);
});
