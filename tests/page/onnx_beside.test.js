// What stands beside an own photo's film in Compare: another model, and files by the browser's own encoder.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Answers, OWN } from "../../demo/page/onnx/answers.js";
import { bare } from "../../demo/page/onnx/bare.js";
import { Codec } from "../../demo/page/onnx/codec.js";
import { Linear } from "../../demo/page/onnx/linear.js";
import { Models } from "../../demo/page/onnx/models.js";
import { LEVELS } from "../../demo/page/onnx/packing.js";
import { Studio } from "../../demo/page/onnx/studio.js";
import { info } from "./stand_in.js";

const SIDE = 16;
const always = async () => {};

class Tensor {
  constructor(type, data, dims) {
    Object.assign(this, { type, data, dims });
  }
}

/** A linear model whose one number a token is the picture's first level, and whose picture shows how many there are. */
function linear() {
  const borders = [...LEVELS.slice(1)].map((level, i) => (level + LEVELS[i]) / 2);
  const sessions = {
    encode: {
      run: async ({ pixels }) => ({
        tokens: { data: Float32Array.from({ length: 4 }, () => pixels.data[0]) },
      }),
    },
    decode: {
      run: async ({ tokens, keep }) => {
        const sum = tokens.data.reduce((all, number, i) => all + (keep.data[i] ? number : 0), 0);
        return { pixels: { data: new Float32Array(3 * SIDE * SIDE).fill(sum) } };
      },
    },
  };
  const shape = { image_size: SIDE, num_tokens: 4, token_width: 1, packing: { borders } };
  return new Linear(Tensor, shape, sessions);
}

function world(name, model, more) {
  return {
    info: info({ name, checkpoint_id: "00ff00ff00ff", lengths: [1, 2, 4], ...more }),
    model,
    packed: async (rgb, kind) => `${kind} ${rgb[0]}`,
    base64: (some) => Buffer.from(some).toString("base64"),
  };
}

test("another model's film is of the same photo, has means alone, and its token says whose it is", async () => {
  const photo = { square: async () => new Uint8Array(3 * SIDE * SIDE).fill(140), close() {} };
  const models = new Models();
  await assert.rejects(models.answer({ what: "start" }, always), /not here yet/);
  const main = { ...world("toy", { shape: { image_size: SIDE } }), open: async () => photo };
  models.all.set("toy", new Answers(new Studio(main)));
  const pca = new Studio(world("pca", linear(), { generative: false }));
  models.all.set("pca", new Answers(pca, `${OWN}pca-`));
  const ask = (question) => models.answer({ steps: 4, seed: 0, ...question }, always);
  const { start } = await ask({ what: "start", from: "upload", file: "photo" });
  const beside = await ask({ what: "start", from: "beside", model: "pca", token: start.token });
  assert.deepEqual([start.token, beside.start.token], ["own-1", "own-pca-1"]);
  assert.equal(beside.start.original, start.original);
  const pull = {
    token: beside.start.token,
    k: 2,
    rest: true,
    means: [],
    samples: [],
    told: [],
    beside: true,
  };
  const got = [];
  for (const means = []; ; ) {
    const { frames } = await ask({ ...pull, means });
    if (!frames.length) break;
    got.push(...frames.map(([mode, k, webp]) => `${mode} ${k}: ${webp}`));
    means.push(...frames.map(([, k]) => k));
  }
  const level = LEVELS.find((_, i) => i === 8); // nearest to 140 of 255
  const shown = (k) => `mean ${k}: picture ${Math.min(255, Math.round((k * level + 1) * 127.5))}`;
  assert.deepEqual(got, [shown(2), shown(1), shown(4)]);
  await assert.rejects(ask({ what: "start", from: "beside", model: "grid", token: start.token }), /a server/);
  await assert.rejects(ask({ what: "start", from: "beside", model: "pca", token: "own-9" }), /was let go/);
});

const photo = Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, i) => (i * 37) % 200);

/** A coder whose files have a byte a pixel and quality in ten, and whose pictures are the nearer the better. */
const coder = (odd = {}) => ({
  made: [],
  async encoded(rgb, type, quality) {
    const [side, percent] = [Math.sqrt(rgb.length / 3), Math.round(100 * quality)];
    this.made.push(`${side}/${percent}`);
    if (type === "image/none") return null;
    const size = odd[percent] ?? Math.ceil((side * side * percent) / 10) + 1;
    const file = new Blob([new Uint8Array(size)], { type });
    return Object.assign(file, { rgb, percent });
  },
  async opened({ rgb, percent }) {
    const side = Math.sqrt(rgb.length / 3);
    const pixels = new Uint8Array(4 * side * side).fill(255);
    for (let i = 0; i < side * side; i++) {
      for (let c = 0; c < 3; c++) pixels[4 * i + c] = Math.min(255, rgb[3 * i + c] + (100 - percent) / 4);
    }
    return { width: side, height: side, pixels };
  },
});
const off = (rgb) => Math.max(...rgb.map((level, i) => Math.abs(level - photo[i])));

test("the best file within some bytes: the highest quality that fits, at the best size", async () => {
  const tool = coder();
  const codec = new Codec(photo, "JPEG", tool);
  assert.equal(off(await codec.best(10_000, always)), 1, "95 is the highest");
  assert.equal((await codec.largest(SIDE, 1281)).percent, 50);
  assert.equal((await codec.largest(SIDE, 1280)).percent, 49);
  assert.equal(await codec.largest(SIDE, 26), null);
  assert.equal((await codec.largest(8, 26)).percent, 3, "a smaller one fits");
  assert.ok(await codec.best(26, always));
  assert.equal(await codec.best(3, always), null);
  assert.equal(new Set(tool.made).size, tool.made.length, "no file is made twice");
  const odd = new Codec(photo, "WebP", coder({ 51: 5000, 52: 1281 }));
  assert.equal((await odd.largest(SIDE, 1281)).percent, 52, "files may shrink where the quality rises");
});

test("what takes long is told in parts, and nothing is made twice", async () => {
  const codec = new Codec(photo, "WebP", coder());
  const rowOf = async (rgb) => ["mean", 0, `picture ${off(rgb) > 0}`, "levels", 20, 0.5, [0, 0, 0]];
  const { now } = performance;
  let clock = 0;
  performance.now = () => {
    clock += 250;
    return clock;
  };
  const first = await codec.told([0, 300, 900], rowOf, always);
  assert.deepEqual(first, [null, [300, "picture true", "levels", 20, 0.5, [0, 0, 0]]]);
  performance.now = () => 0;
  const rest = await codec.told([0, 300, 900], rowOf, always);
  performance.now = now;
  assert.equal(rest.length, 3);
  assert.equal(rest[1], first[1]);
});

const letters = (words) => [...words].map((letter) => letter.charCodeAt(0));

test("a file counts without the profile that a browser adds", () => {
  const chunk = (name, ...content) => [
    ...letters(name),
    content.length,
    0,
    0,
    0,
    ...content,
    ...(content.length % 2 ? [0] : []),
  ];
  const riff = (...chunks) => {
    const rest = [...letters("WEBP"), ...chunks.flat()];
    return Uint8Array.from([...letters("RIFF"), rest.length, 0, 0, 0, ...rest]);
  };
  const pixels = chunk("VP8 ", 1, 2, 3);
  const full = riff(chunk("VP8X", ...Array(10).fill(0)), chunk("ICCP", 9, 9, 9), pixels);
  assert.deepEqual(bare(full), riff(pixels));
  assert.deepEqual(bare(riff(pixels)), riff(pixels));
  const [head, tables, scan] = [
    [0xff, 0xe0, 0, 3, 7],
    [0xff, 0xdb, 0, 4, 8, 8],
    [0xff, 0xda, 0, 2, 0xff, 0xe2, 1],
  ];
  const jpeg = (...segments) => Uint8Array.from([0xff, 0xd8, ...segments.flat()]);
  assert.deepEqual(bare(jpeg(head, [0xff, 0xe2, 0, 5, 1, 2, 3], tables, scan)), jpeg(head, tables, scan));
});

test("a codec that is none, or that the browser does not write, is a sentence", async () => {
  assert.throws(() => new Codec(photo, "GIF", coder()), /no such codec/);
  const without = new Codec(photo, "WebP", { encoded: async () => null });
  await assert.rejects(without.best(100, always), /writes no WebP files/);
});
