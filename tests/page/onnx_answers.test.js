// What the browser's own model answers: with a model of a few numbers, and pictures of one colour.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Answers } from "../../demo/page/onnx/answers.js";
import { Line } from "../../demo/page/onnx/line.js";
import { look, plan } from "../../demo/page/onnx/own.js";
import { pack } from "../../demo/page/onnx/packing.js";
import { Studio } from "../../demo/page/onnx/studio.js";
import { Stale, Tokenizer } from "../../demo/page/onnx/tokenizer.js";
import { bytes, urlsafe } from "../../demo/page/tokens.js";
import { info } from "./stand_in.js";

const SIDE = 16;
const shape = {
  image_size: SIDE,
  num_tokens: 4,
  token_width: 2,
  latent: { positions: 4, channels: 4 },
  layers: { read: 2, write: 2 },
  sampler: { steps: 8, guidance_scale: 3, time_shift: 1, distilled_steps: 4 },
};
const base64 = (some) => Buffer.from(some).toString("base64");

class Tensor {
  constructor(type, data, dims) {
    Object.assign(this, { type, data, dims });
  }
}

/** Graphs that say what they were asked; a picture's colour is how many tokens it was made of. */
function sessions(asked) {
  const run = (name, answer) => ({
    async run(feeds, fetches) {
      asked.push([name, feeds]);
      const made = answer(feeds);
      return Object.fromEntries(fetches.map((fetch) => [fetch, new Tensor("float32", made[fetch], [])]));
    },
  });
  return {
    encode: run("encode", ({ pixels }) => ({
      tokens: Float32Array.from({ length: 8 }, (_, i) => i / 4 - pixels.data[0]),
      read: Float32Array.from({ length: 32 }, (_, i) => i),
    })),
    context: run("context", ({ tokens }) => ({ context: tokens.data })),
    predict: run("predict", ({ keep }) => ({
      clean: new Float32Array(16).fill(keep.data.reduce((a, b) => a + b) / 8 - 0.5),
      write: new Float32Array(32).fill(0.25),
    })),
    paint: run("paint", ({ latent }) => ({ pixels: new Float32Array(3 * SIDE * SIDE).fill(latent.data[0]) })),
  };
}

function begin() {
  const asked = [];
  const about = info({
    name: "toy",
    checkpoint_id: "00ff00ff00ff",
    lengths: [0, 1, 2, 3, 4],
    ladder: [0, 1, 2, 4],
  });
  const photo = (level) => ({
    square: (_, crop) => new Uint8Array(3 * SIDE * SIDE).fill(level + 100 * (crop[2] - 1)),
    whole: async () => "whole",
    close() {},
  });
  const world = {
    info: about,
    model: new Tokenizer(Tensor, shape, sessions(asked)),
    open: async (file) => photo(file.level),
    packed: async (rgb, kind, shown) => `${kind} ${rgb[0]} ${shown ?? SIDE}`,
    base64,
  };
  const answers = new Answers(new Studio(world));
  const ask = (question) => answers.answer({ steps: 4, seed: 0, ...question }, async () => {});
  return { asked, ask, answers };
}
const pulling = (token, more = {}) => ({
  token,
  k: 2,
  rest: true,
  means: [],
  samples: [],
  told: [],
  ...more,
});
const upload = { what: "start", from: "upload", file: { level: 10 } };

test("a photo becomes a film: the dial's mean, its sample, then two ladders, and the tokens once", async () => {
  const { asked, ask } = begin();
  const { start, told } = await ask(upload);
  assert.equal(start.original, `photo 10 ${SIDE}`);
  assert.deepEqual(told, {});
  assert.deepEqual(asked, [], "nothing is computed before it is asked for");
  const [means, samples, order] = [[], [], []];
  let known = {};
  for (;;) {
    const got = await ask(pulling(start.token, { means, samples, told: Object.keys(known) }));
    for (const key of Object.keys(got.told)) assert.ok(!(key in known), `${key} is told once`);
    known = { ...known, ...got.told };
    if (!got.frames.length) break;
    for (const [mode, k, webp] of got.frames) {
      order.push(`${mode} ${k}`);
      (mode === "mean" ? means : samples).push(k);
      assert.equal(webp, `picture ${Math.round((k / 8 + 0.5) * 127.5)} ${SIDE}`, `${mode} of ${k}`);
    }
  }
  const ladders = ["mean 0", "mean 1", "mean 4", "sample 0", "sample 1", "sample 4"];
  assert.deepEqual(order, ["mean 2", "sample 2", ...ladders]);
  assert.deepEqual(Object.keys(known).sort(), ["attention", "tokens"]);
  const again = (await ask(pulling(start.token))).frames.map(([mode, k]) => `${mode} ${k}`);
  assert.deepEqual(again, order, "what was made is here, all of it at once");
  const counts = Object.groupBy(asked, ([name]) => name);
  assert.equal(counts.encode.length, 1);
  assert.equal(counts.context.length, 1, "keys and values are computed once");
  assert.equal(counts.predict.length, 4 + 4 * 4, "a mean is one step, a distilled sample four");
});

test("an example asks for nothing but what the dial lacks", () => {
  const take = { mode: "sample", steps: 4, seed: 0 };
  assert.equal(plan(take, [0, 1, 2], { k: 3, rest: false, only: true }).length, 1);
  assert.equal(plan(take, [0, 1, 2], { k: 3, rest: true, only: true }).length, 2);
});

test("a link is a film without a photo, and one of other weights is a sentence", async () => {
  const { ask } = begin();
  const { start } = await ask(upload);
  const { told } = await ask(pulling(start.token));
  const got = await ask({ what: "start", from: "link", tokens: urlsafe(told.tokens) });
  assert.equal(got.start.original, null);
  assert.equal(got.told.tokens, told.tokens, "what came in goes out");
  const [[mode, , , , psnr]] = (await ask(pulling(got.start.token))).frames;
  assert.deepEqual([mode, psnr], ["mean", null]);
  const packed = { model: "toy", id: "0123456789ab", count: 4, width: 2, indices: new Uint8Array(8) };
  const link = (tokens) => ask({ what: "start", from: "link", tokens: urlsafe(base64(tokens)) });
  await assert.rejects(link(pack(packed)), /other weights/);
  await assert.rejects(
    link(pack({ ...packed, id: "00ff00ff00ff", count: 2, indices: new Uint8Array(4) })),
    /damaged/,
  );
  await assert.rejects(ask({ what: "start", from: "link", tokens: "%%%" }), /damaged/);
  await assert.rejects(
    ask({ what: "view", view: "layer", of: "read", n: 0, token: got.start.token }),
    /no photo/,
  );
});

test("another crop is another film of the same photo", async () => {
  const { ask } = begin();
  const { start } = await ask(upload);
  assert.equal((await ask({ what: "whole", token: start.token })).webp, "whole");
  const again = await ask({ what: "start", from: "again", token: start.token, crop: [0.5, 0.5, 2] });
  assert.deepEqual(again.start.crop, [0.5, 0.5, 2]);
  assert.equal(again.start.original, `photo 110 ${SIDE}`);
  assert.notEqual(again.start.token, start.token);
});

test("views: another seed, all but a token, a layer's maps, and a mix with who gave what", async () => {
  const { ask, asked } = begin();
  const first = (await ask(upload)).start.token;
  const second = (await ask({ ...upload, file: { level: 90 } })).start.token;
  const view = (more) => ask({ what: "view", token: first, k: 1, n: 0, of: "", ...more });
  assert.equal((await view({ view: "seeds", n: 3, seed: 5 })).caption, "Seed 8");
  const less = await view({ view: "less", n: 2 });
  assert.equal(less.caption, "all but token 2");
  const masks = asked.filter(([name]) => name === "context").map(([, feeds]) => feeds.present.data.join(""));
  assert.equal(masks.at(-1), "1011", "the token is not there at all, not only hidden at the end");
  const read = await view({ view: "layer", of: "read", n: 1 });
  assert.equal(bytes(read.maps[0]).length, 16);
  const mixed = await view({ view: "mix", of: second });
  assert.equal(mixed.caption, "this photo: token 1; the photo before: tokens 2 to 4");
  assert.deepEqual(
    mixed.given.map((one) => one.webp),
    ["picture 10 96", "picture 90 96"],
  );
  await assert.rejects(view({ view: "mix", of: "nobody" }), /Choose another photo/);
  await assert.rejects(view({ view: "halted" }), /no such view/);
  await assert.rejects(view({ view: "seeds", steps: 51 }), /Steps go from/);
});

test("what is let go is gone, and the oldest films go by themselves", async () => {
  const { ask } = begin();
  const { start } = await ask(upload);
  await ask({ what: "forget", token: start.token });
  await assert.rejects(ask(pulling(start.token)), /let go/);
  const kept = [];
  for (let n = 0; n < 9; n++) kept.push((await ask(upload)).start.token);
  await assert.rejects(ask(pulling(kept[0])), /let go/);
  assert.equal((await ask(pulling(kept[1]))).frames.length, 1);
});

test("maps are as bright as their brightest place, and their mass is a share", () => {
  const read = look(Float32Array.of(0.1, 0.2, 0, 0.4, 0, 0.05), 2, 3, "read");
  assert.deepEqual([...read.maps], [127, 255, 0, 255, 0, 31]);
  assert.deepEqual(read.mass, [0.3, 0.45]);
  const write = look(Float32Array.of(0.125, 0.5, 0.25, 0.25), 2, 2, "write");
  assert.deepEqual([...write.maps], [127, 255, 255, 127]);
  assert.deepEqual(write.mass, [0.1875, 0.375]);
});

test("a new film goes before all, and ends what is on its way for the one before", async () => {
  const order = [];
  let started = () => {};
  const begun = new Promise((go) => {
    started = go;
  });
  const line = new Line(
    async (question, breathe) => {
      order.push(question.name);
      if (question.name === "pull 1") {
        started();
        for (;;) await breathe();
      }
      if (question.name === "broken") throw new Error("A sentence.");
      return { frames: [question.name] };
    },
    () => new Promise((go) => setImmediate(go)),
  );
  const first = line.ask({ name: "pull 1" });
  await begun;
  const rest = [
    line.ask({ name: "pull 2" }),
    line.ask({ name: "view", what: "view" }),
    line.ask({ name: "start", what: "start" }),
    line.ask({ name: "broken", what: "whole" }),
  ];
  assert.deepEqual(await first, { note: "A moment…" });
  const got = await Promise.all(rest);
  assert.deepEqual(
    order,
    ["pull 1", "start", "broken"],
    "what was asked of the older film is not even begun",
  );
  assert.deepEqual(got[0], { note: "A moment…" });
  assert.match(got[1].error, /Something newer/);
  assert.deepEqual(got[3], { error: "A sentence." });
  assert.ok(new Stale("") instanceof Error);
});
