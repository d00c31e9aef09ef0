// The switch between a server and the model in the browser: who is asked, and that an own photo is sent to nobody.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lasting } from "../../demo/page/lasting.js";
import { visiting } from "../../demo/page/onnx/visiting.js";
import { Patience } from "../../demo/page/patience.js";
import { either } from "../../demo/page/switch.js";
import { info } from "./stand_in.js";

const ROOT = new URL("https://host.example/");
const PHOTO = new File(["x"], "photo");
const about = info({
  name: "toy",
  checkpoint_id: "00ff00ff00ff",
  ladder: [0, 1, 4],
  lengths: [0, 1, 2, 3, 4],
  modes: ["mean", "sample"],
  generative: true,
});
const frame = (mode, k) => [mode, k, "", "", null, null, null];
const LADDER = ["mean", "sample"].flatMap((mode) => [0, 1, 4].map((k) => frame(mode, k)));

/** A storage that a browser may refuse. */
function storage(refuses = false) {
  const kept = new Map();
  const guarded = (call) => {
    if (refuses) throw new Error("refused");
    return call();
  };
  return {
    kept,
    getItem: (name) => guarded(() => kept.get(name) ?? null),
    setItem: (name, value) => guarded(() => kept.set(name, value)),
    removeItem: (name) => guarded(() => kept.delete(name)),
  };
}

/** A page with both sources; `asked` says what the server was asked, `here` what the engine was. */
function page({ agrees = true, reached = true, keeps = storage(), server: more = {} } = {}) {
  const [asked, here, sent] = [[], [], []];
  let films = 0;
  const server = {
    still: false,
    async ask(question) {
      asked.push(question);
      const { what, from, photo, model } = question;
      const answer = more[what ?? "pull"]?.(question);
      if (answer) return answer;
      if (what !== "start") return what ? { here: true } : { frames: [], told: { attention: ["", []] } };
      films += 1;
      const example = from === "example" ? photo : "";
      const told = { tokens: "AAAA" };
      const about_ = { ...about, name: model || "toy" };
      return { start: { token: `server-${films}`, info: about_, example }, frames: LADDER, told };
    },
    async upload(file) {
      sent.push(file);
      return `/tmp/${file.name}`;
    },
  };
  const engine = {
    model: {
      info: about,
      shape: { sampler: { distilled_steps: 4 } },
      filesOf: () => [],
      besides: new Map(),
      prefix: "",
    },
    ready: new Set(),
    async load(names) {
      for (const name of names) this.ready.add(name);
      return agrees ? { kept: true } : { error: "No room." };
    },
    async ask(question) {
      here.push(question);
      if (question.what !== "start") return { frames: [] };
      const failed = question.from === "link" && question.tokens === "other";
      return failed ? { error: "Other weights." } : { start: { token: `own-${here.length}`, info: about } };
    },
  };
  const begin = async () => {
    if (!reached) throw new Error("no file");
    const offer = { ask: async () => agrees, came() {}, over() {} };
    const photos = new URL("photos/", ROOT);
    const examples = new Map([["cup", "A cup"]]);
    const get = async (address) => {
      got.push(address.href);
      return new Response("photo");
    };
    return visiting(server, engine, { root: ROOT, offer, examples, photos, get });
  };
  const got = [];
  const given = either(server, ["toy", ""], begin, keeps);
  const source = lasting(given, new Patience(), { wait: async () => {} });
  return { source, machine: given.machine, asked, here, sent, got, keeps };
}

const upload = async ({ source }) => {
  const path = await source.upload(PHOTO, () => {});
  return source.ask({ what: "start", from: "upload", path });
};
const example = (photo, more) => ({ what: "start", from: "example", photo, ...more });

test("a switch that is on keeps a photo from the server; off, new photos go there again", async () => {
  const there = page();
  assert.equal((await upload(there)).start.token, "server-1");
  assert.equal(await there.machine.turn(true), "");
  assert.equal(there.source.here, true);
  const before = there.asked.length;
  const { start } = await upload(there);
  assert.match(start.token, /^own-/);
  await there.source.ask({ token: start.token, k: 1 });
  assert.equal(there.asked.length, before);
  assert.equal(there.sent.length, 1, "only the first");
  await there.machine.turn(false);
  await there.source.ask({ token: start.token, k: 2 });
  await there.source.ask({ what: "view", view: "seeds", token: start.token, k: 2 });
  assert.equal(there.asked.length, before, "what came meanwhile stays on this machine");
  assert.equal((await upload(there)).start.token, "server-2");
});

test("with the switch off nothing is made of a photo here that would have to be sent", async () => {
  const there = page();
  await there.machine.turn(true);
  const { start } = await upload(there);
  await there.machine.turn(false);
  const cup = (await there.source.ask(example("cup"))).start;
  const before = there.asked.length;
  const mix = await there.source.ask({ what: "view", view: "mix", token: cup.token, of: start.token });
  assert.match(mix.error, /on your machine only/);
  const other = await there.source.ask({
    what: "start",
    from: "again",
    token: start.token,
    model: "another",
  });
  assert.match(other.error, /Your machine has one model/);
  assert.equal(there.asked.length, before);
  assert.equal(there.sent.length, 0);
});

test("a film that is shown moves: a photo is opened anew here, an example is the server's and goes on", async () => {
  const there = page();
  const { start } = await upload(there);
  await there.machine.turn(true);
  const before = there.asked.length;
  const moved = await there.source.ask({ what: "start", from: "moved", token: start.token, k: 4, seed: 7 });
  assert.match(moved.start.token, /^own-/);
  assert.equal(there.here.at(-1).file, PHOTO);
  assert.equal(there.here.at(-1).seed, 7);
  assert.equal(there.asked.length, before);

  await there.machine.turn(false);
  const cup = (await there.source.ask(example("cup"))).start;
  await there.machine.turn(true);
  const again = await there.source.ask({ what: "start", from: "moved", token: cup.token, k: 4 });
  assert.equal(again.start.token, "cup");
  assert.equal(again.start.stored, undefined);
  assert.equal(again.frames.length, 6);
  const pull = { token: "cup", k: 2, means: [], samples: [] };
  const { told } = await there.source.ask(pull);
  assert.deepEqual(told.attention, ["", []], "what the server stores is asked for once");
  const server = there.asked.length;
  await there.source.ask(pull);
  assert.equal(there.asked.length, server);
  assert.equal(there.here.at(-1).only, true);
  assert.deepEqual(there.got, ["https://host.example/photos/cup.webp"]);
});

test("a photo that was sent before is begun here when it is asked about", async () => {
  const there = page();
  const { start } = await upload(there);
  await there.machine.turn(true);
  await there.source.ask({ token: start.token, k: 3 });
  assert.deepEqual(
    there.here.map(({ what }) => what),
    ["start", undefined],
  );
  assert.match(there.here[1].token, /^own-/);
});

test("a photo that waits for a full server is opened here once the switch is on", async () => {
  const there = page({ server: { start: () => ({ note: "Many visitors.", full: true }) } });
  const path = await there.source.upload(PHOTO, () => {});
  const question = { what: "start", from: "upload", path };
  await there.source.ask(question);
  assert.equal(there.machine.busy, true);
  await there.machine.turn(true);
  assert.match((await there.source.ask(question)).start.token, /^own-/);
});

test("a link of other weights, another model's example and counts of ours are the server's", async () => {
  const there = page();
  await there.machine.turn(true);
  const link = { what: "start", from: "link" };
  assert.match((await there.source.ask({ ...link, tokens: "mine" })).start.token, /^own-/);
  assert.equal((await there.source.ask({ ...link, tokens: "other" })).start.token, "server-1");
  const other = (await there.source.ask(example("cup", { model: "another" }))).start;
  assert.equal(other.token, "cup/another");
  assert.equal(other.stored, undefined);
  await there.source.ask({ token: other.token, k: 3 });
  assert.equal(there.asked.at(-1).token, "server-2");
  assert.deepEqual(await there.source.ask({ what: "need", ours: "cup" }), { here: true });
  assert.match(
    (await there.source.ask({ what: "need", path: "photo-1" })).error,
    /Your machine has one model/,
  );
});

test("a full or slow server is not waited for where an example can go on here", async () => {
  for (const why of [{ note: "Many visitors.", full: true }, { wait: { mean: 9 } }]) {
    const there = page({ server: { pull: () => why } });
    await there.machine.turn(true);
    await there.source.ask(example("cup"));
    assert.deepEqual(await there.source.ask({ token: "cup", k: 2 }), { frames: [] });
    assert.equal(there.here.at(-1).only, true);
  }
});

test("who says no, or cannot reach the files, stays with the server", async () => {
  for (const [options, why] of [
    [{ agrees: false }, /No room/],
    [{ reached: false }, /could not be reached/],
  ]) {
    const there = page(options);
    assert.match(await there.machine.turn(true), why);
    assert.equal(there.source.here, false);
    assert.equal((await upload(there)).start.token, "server-1");
  }
});

test("the switch is as it was at the next visit, if the browser keeps anything", async () => {
  const keeps = storage();
  const there = page({ keeps });
  assert.equal(there.machine.on, false);
  await there.machine.turn(true);
  const next = page({ keeps });
  assert.equal(next.machine.on, true);
  assert.match((await upload(next)).start.token, /^own-/);
  await next.machine.turn(false);
  assert.equal(page({ keeps }).machine.on, false);
  const private_ = page({ keeps: storage(true) });
  await private_.machine.turn(true);
  assert.equal(private_.machine.on, true, "for this visit");
  const lost = page({ keeps: { ...storage(), getItem: () => "1" }, reached: false });
  assert.equal((await lost.source.ask(example("cup"))).start.token, "server-1", "the page goes on");
  await assert.rejects(upload(lost), /your photo was not sent/);
  assert.deepEqual(lost.sent, []);
});
