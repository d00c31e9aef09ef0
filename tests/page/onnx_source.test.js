// A page with a model: what is stored stays as it was, the visitor is asked once, and files are kept by their sums.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bring, missing, tidy } from "../../demo/page/onnx/bring.js";
import { drafted, draftOf } from "../../demo/page/onnx/draft.js";
import { sizeIn } from "../../demo/page/onnx/headers.js";
import { ALL, DECODING, Model, sizeOf } from "../../demo/page/onnx/manifest.js";
import { own } from "../../demo/page/onnx/source.js";
import { info } from "./stand_in.js";

const ROOT = new URL("https://host.example/page/");
const sized = (bytes, text) => ({ bytes, sha256: text.repeat(64) });
const graph = (name, ...weights) => ({ file: `${name}.onnx`, ...sized(1e6, name[0]), weights });
const about = info({ name: "toy", checkpoint_id: "00ff00ff00ff", views: ["guess", "halted"] });
const told = {
  name: "toy",
  info: about,
  model: { sampler: { distilled_steps: 4 }, layers: { read: 8, write: 8 } },
  graphs: {
    encode: graph("encode", "a.safetensors", "e.safetensors"),
    context: graph("context", "d.safetensors"),
    predict: graph("predict", "d.safetensors"),
    paint: graph("paint", "a.safetensors"),
  },
  weights: {
    "a.safetensors": sized(20e6, "1"),
    "d.safetensors": { ...sized(30e6, "2"), url: "https://weights.example/d.safetensors" },
    "e.safetensors": sized(14e6, "3"),
  },
  runtime: { script: "ort/ort.mjs", binary: { path: "ort/ort.packed", ...sized(4e6, "4") } },
  beside: [
    {
      name: "pca",
      info: info({ name: "pca" }),
      model: {},
      graphs: {
        encode: { ...graph("encode", "model.safetensors"), ...sized(1000, "5") },
        decode: { ...graph("decode", "model.safetensors"), ...sized(1000, "6") },
      },
      weights: { "model.safetensors": sized(12e6, "7") },
    },
  ],
};

test("each file is counted once, and a link needs no encoder", () => {
  const model = new Model(told, "model/");
  const paths = model.filesOf(DECODING).map((file) => file.path);
  assert.deepEqual(paths.sort(), [
    "model/a.safetensors",
    "model/context.onnx",
    "model/d.safetensors",
    "model/paint.onnx",
    "model/predict.onnx",
    "ort/ort.packed",
  ]);
  assert.equal(sizeOf(model.filesOf(ALL)) - sizeOf(model.filesOf(DECODING)), 15e6);
  assert.equal(sizeOf(model.filesOf(["paint"], false)), 21e6);
});

/** A page whose engine answers with what it was asked. */
function page(agrees = true, stops = "") {
  const [asked, offered, said, wanted] = [[], [], [], []];
  const engine = {
    model: new Model(told, "model/"),
    ready: new Set(),
    async load(names, came, of = this.model) {
      came(1e6);
      if (stops) return { error: stops };
      for (const name of names) this.ready.add(of.prefix + name);
      return { kept: true };
    },
    async ask(question) {
      asked.push(question);
      return question.what === "start" ? { start: { token: "own-1" } } : { frames: [] };
    },
  };
  const stored = {
    still: true,
    async ask(question) {
      wanted.push(question);
      const { from, photo } = question;
      if (from !== "example") return { frames: [], told: {} };
      const foreign = photo === "other" ? { checkpoint_id: "1" } : {};
      return { start: { token: photo, info: { ...about, ...foreign } }, told: { tokens: "AAAA" } };
    },
  };
  const offer = {
    ask: async (words) => {
      offered.push(words);
      return agrees;
    },
    came: () => {},
    over: (why) => said.push(why),
  };
  const examples = new Map([
    ["cup", "A cup"],
    ["cat", "A cat"],
  ]);
  const get = async () => new Response("photo");
  return {
    asked,
    offered,
    said,
    wanted,
    engine,
    source: own(stored, engine, { root: ROOT, offer, examples, get }),
  };
}
const example = (photo) => ({ what: "start", from: "example", photo });
const view = (token, name) => ({ what: "view", view: name, token, k: 4, n: 0, of: "" });

test("an example is what was stored, with what can be shown here; of another model only what is stored", async () => {
  const { source, offered, asked, wanted } = page();
  const { start } = await source.ask(example("cup"));
  assert.deepEqual(start.info.views, ["seeds", "mix", "less", "layer", "codes"]);
  assert.equal(start.info.default_steps, 4);
  const other = (await source.ask(example("other"))).start;
  assert.equal(other.stored, true);
  assert.deepEqual(other.info.views, ["guess", "halted"]);
  for (const token of ["cup", "other"]) await source.ask({ token, k: 5 });
  await source.ask({ what: "models" });
  assert.deepEqual([offered, asked], [[], []], "nothing is fetched for that");
  assert.equal(wanted.length, 5);
});

test("who looks further is asked once, and then the example goes on here", async () => {
  const { source, offered, asked, said } = page();
  await source.ask(example("cup"));
  await Promise.all([source.ask(view("cup", "seeds")), source.ask(view("cup", "less"))]);
  assert.equal(offered.length, 1);
  assert.equal(offered[0].size, "57 MB");
  assert.deepEqual(said, ["This page works offline now."]);
  assert.equal(asked.filter(({ what }) => what === "adopt").length > 0, true);
  assert.equal(asked[0].name, "A cup");
  await source.ask({ token: "cup", k: 37, means: [], samples: [], told: [] });
  assert.equal(asked.at(-1).only, true);
  await source.ask(view("cup", "mix"));
  assert.equal(asked.at(-1).of, "cat", "another example, where none was here before");
});

test("a photo needs the encoder, too; who says no gets a sentence and is asked again the next time", async () => {
  const file = new File(["photo"], "photo.jpg");
  const yes = page();
  const path = await yes.source.upload(file, () => {});
  assert.equal(yes.offered[0].size, "72 MB");
  await yes.source.ask({ what: "start", from: "upload", path });
  assert.equal(yes.asked.at(-1).file, file);
  assert.match(
    (await yes.source.ask({ what: "start", from: "beside", token: "own-1" })).error,
    /needs a server/,
  );
  const no = page(false);
  await assert.rejects(
    no.source.upload(file, () => {}),
    /not fetched/,
  );
  await assert.rejects(
    no.source.upload(file, () => {}),
    /not fetched/,
  );
  assert.equal(no.offered.length, 2);
  assert.match((await no.source.ask({ what: "start", from: "link", tokens: "AAAA" })).error, /not fetched/);
  await no.source.ask(example("cup"));
  const both = await Promise.all(["seeds", "less"].map((name) => no.source.ask(view("cup", name))));
  for (const { error } of both) assert.match(error, /not fetched/);
  assert.equal(no.offered.length, 4, "two questions of one moment are one question to the visitor");
  const broken = page(true, "It broke off.");
  await assert.rejects(
    broken.source.upload(file, () => {}),
    /It broke off/,
  );
  assert.deepEqual(broken.said, ["It broke off."]);
});

test("a model beside an own photo is asked about by itself, once a photo, and has files of its own", async () => {
  const pca = new Model(told, "model/").besides.get("pca");
  const paths = pca.filesOf(pca.all, false).map(({ path }) => path);
  assert.deepEqual(paths, ["model/pca/encode.onnx", "model/pca/decode.onnx", "model/pca/model.safetensors"]);
  const beside = (token, model = "pca") => ({ what: "start", from: "beside", token, model });
  const yes = page();
  const path = await yes.source.upload(new File(["photo"], "photo.jpg"), () => {});
  await yes.source.ask({ what: "start", from: "upload", path });
  await yes.source.ask(beside("own-1"));
  assert.deepEqual(
    yes.offered.map(({ size }) => size),
    ["72 MB", "13 MB"],
  );
  assert.ok(yes.engine.ready.has("pca/decode"));
  await yes.source.ask(beside("own-2"));
  assert.equal(yes.offered.length, 2, "it is here");
  assert.deepEqual(yes.asked.at(-1), beside("own-2"));
  assert.match((await yes.source.ask(beside("own-2", "grid"))).error, /needs a server/);
  const no = page(false);
  for (const token of ["own-1", "own-1", "own-2"]) {
    assert.match((await no.source.ask(beside(token))).error, /not fetched/);
  }
  assert.equal(no.offered.length, 2, "once a photo");
});

test("a codec's files of an own photo are this browser's, an example's are stored", async () => {
  const { source, asked, wanted } = page();
  await source.upload(new File(["photo"], "photo.jpg"), () => {});
  const codec = (token) => ({ what: "view", view: "codec", token, of: "WebP", sizes: [100] });
  await source.ask(codec("own-1"));
  assert.deepEqual(asked.at(-1).sizes, [100]);
  await source.ask(codec("cup"));
  assert.deepEqual(wanted, [codec("cup")]);
});

/** A browser's cache, and a host. */
function world(host, full = false) {
  const kept = new Map();
  const asked = [];
  const cache = {
    match: async (key) => kept.get(key)?.clone(),
    keys: async () => [...kept.keys()].map((url) => ({ url })),
    delete: async ({ url }) => kept.delete(url),
    put: async (key, reply) => {
      if (full) throw new DOMException("", "QuotaExceededError");
      kept.set(key, reply);
    },
  };
  globalThis.caches = { open: async () => cache };
  globalThis.fetch = async (url) => {
    asked.push(String(url));
    return host(String(url));
  };
  return { kept, asked };
}
const ABC = {
  path: "model/abc",
  bytes: 3,
  sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
};

test("a file is fetched once, kept by its sum, and an older one goes", async () => {
  const { kept, asked } = world(() => new Response("abc"));
  const counts = [];
  const first = await bring(ABC, ROOT, (bytes) => counts.push(bytes));
  assert.equal(new TextDecoder().decode(first.bytes), "abc");
  assert.equal(first.kept, true);
  assert.deepEqual(await missing([ABC], ROOT), []);
  const again = await bring(ABC, ROOT, (bytes) => counts.push(bytes));
  assert.equal(new TextDecoder().decode(again.bytes), "abc");
  assert.deepEqual(asked, ["https://host.example/page/model/abc"]);
  assert.deepEqual(counts, [3, 3]);
  kept.set("https://host.example/page/model/kept-older", new Response("old"));
  await tidy([ABC], ROOT);
  assert.equal(kept.size, 1);
  await bring({ ...ABC, sha256: ABC.sha256, url: "https://weights.example/abc", path: "x" }, ROOT, () => {});
  assert.equal(asked.length, 1, "the sum names it, wherever it lies");
});

test("no room, no cache, no connection, and another file than was promised", async () => {
  world(() => new Response("abc"), true);
  assert.equal((await bring(ABC, ROOT, () => {})).kept, false);
  globalThis.caches.open = async () => {
    throw new DOMException("", "SecurityError");
  };
  assert.equal((await bring(ABC, ROOT, () => {})).kept, false);
  assert.deepEqual(await missing([ABC], ROOT), [ABC]);
  await tidy([ABC], ROOT);
  for (const text of ["abd", "ab", "abcd"]) {
    const { kept } = world(() => new Response(text));
    await assert.rejects(
      bring(ABC, ROOT, () => {}),
      /came damaged/,
      text,
    );
    assert.equal(kept.size, 0);
  }
  world(() => new Response("", { status: 404 }));
  await assert.rejects(
    bring(ABC, ROOT, () => {}),
    /could not be fetched/,
  );
  world(() => Promise.reject(new TypeError("offline")));
  await assert.rejects(
    bring(ABC, ROOT, () => {}),
    /could not be fetched/,
  );
});

test("how large a picture is stands in its first bytes", () => {
  const file = (...parts) => Uint8Array.from([...parts.flat(), ...Array(40).fill(0)]);
  const letters = (text) => [...text].map((letter) => letter.charCodeAt(0));
  const png = file(
    [0x89],
    letters("PNG\r\n"),
    [0x1a, 0x0a, 0, 0, 0, 13],
    letters("IHDR"),
    [0, 1, 0, 0, 0, 0, 2, 0],
  );
  assert.deepEqual(sizeIn(png), { width: 65536, height: 512 });
  assert.deepEqual(sizeIn(file(letters("GIF89a"), [44, 1, 200, 0])), { width: 300, height: 200 });
  const jpeg = file([0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc2, 0, 11, 8, 1, 0, 2, 0]);
  assert.deepEqual(sizeIn(jpeg), { width: 512, height: 256 });
  const webp = (kind, ...rest) =>
    file(letters("RIFF"), [0, 0, 0, 0], letters(`WEBP${kind}`), [0, 0, 0, 0], rest);
  assert.deepEqual(sizeIn(webp("VP8X", 0, 0, 0, 0, 43, 1, 0, 199, 0, 0)), { width: 300, height: 200 });
  assert.deepEqual(sizeIn(webp("VP8 ", 0, 0, 0, 0x9d, 1, 0x2a, 44, 1, 200, 0)), { width: 300, height: 200 });
  assert.deepEqual(sizeIn(webp("VP8L", 0x2f, 43, 192, 49, 0)), { width: 44, height: 200 });
  assert.equal(sizeIn(file(letters("nothing of ours"))), null);
  assert.equal(sizeIn(Uint8Array.of(0xff, 0xd8)), null);
});

test("a large JPEG is taken smaller, as the server decodes it, and keeps what is coarse", () => {
  assert.equal(draftOf({ width: 4032, height: 3024 }), 2);
  assert.equal(draftOf({ width: 9000, height: 9000 }), 8);
  assert.equal(draftOf({ width: 9000, height: 2047 }), 1);
  const [width, height] = [37, 20];
  const picture = (level) => ({
    width,
    height,
    row: (y) => Uint8Array.from({ length: 4 * width }, (_, i) => level(Math.floor(i / 4), y)),
  });
  for (const scale of [2, 4, 8]) {
    const flat = drafted(
      picture(() => 77),
      scale,
    );
    assert.deepEqual([flat.width, flat.height], [Math.ceil(width / scale), Math.ceil(height / scale)]);
    for (let y = 0; y < flat.height; y++)
      assert.ok([...flat.row(y)].every((value, i) => i % 4 === 3 || value === 77));
  }
  const eighth = drafted(
    picture((x, y) => 3 * (x % 8) + 5 * (y % 8) + 40),
    8,
  );
  assert.equal(eighth.row(0)[0], 68, "an eighth is each block's mean");
  const half = drafted(
    picture((x) => 20 * (x % 4)),
    2,
  );
  assert.deepEqual([half.row(3)[0], half.row(3)[4]], [10, 50]);
  assert.equal(half.row(9)[4 * 18], 0, "at the edge, what is there");
});
