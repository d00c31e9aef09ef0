import assert from "node:assert/strict";
import { test } from "node:test";
import { lasting } from "../../demo/page/lasting.js";
import { Away, Patience } from "../../demo/page/patience.js";
import { served, stored } from "../../demo/page/source.js";

/** Waits that end when a test says so; the times that they would have taken. */
function clock() {
  const set = [];
  return {
    waits: [],
    set(call, ms) {
      this.waits.push(ms);
      set.push(call);
      return call;
    },
    clear(call) {
      if (set.includes(call)) set.splice(set.indexOf(call), 1);
    },
    async ring() {
      await new Promise(setImmediate);
      for (const call of set.splice(0)) call();
      await new Promise(setImmediate);
    },
  };
}

/** A server that can be away, and that forgets all when it is started anew. */
function server() {
  const films = new Set();
  const asked = [];
  const uploads = [];
  let count = 0;
  return {
    away: false,
    asked,
    uploads,
    breaks: 0, // uploads that break off
    restart() {
      films.clear();
    },
    source: {
      still: false,
      async ask(question) {
        if (this.server.away) throw new Away("502");
        asked.push(question);
        const { what, token } = question;
        if (what === "here") return { here: true };
        const gone = [token, question.of].find((one) => one?.startsWith("film") && !films.has(one));
        if (gone) return { error: "Gone.", gone };
        if (what === "forget") return { forgotten: [token] };
        if (what === "view") return { webp: token };
        if (what !== "start") return { frames: [], told: { tokens: "a+/=" } };
        if (question.from === "upload" && !uploads.includes(question.path)) return { error: "No file." };
        count += 1;
        films.add(`film${count}`);
        return { start: { token: `film${count}` } };
      },
      async upload(file) {
        if (this.server.away) throw new Away("502");
        if (this.server.breaks) {
          this.server.breaks -= 1;
          throw new Away("it broke");
        }
        uploads.push(`${file.name}-${uploads.length}`);
        return uploads.at(-1);
      },
    },
    start() {
      this.source.server = this;
      this.source.upload = this.source.upload.bind(this.source);
      return this;
    },
  };
}

function page(around = {}) {
  const there = server().start();
  const time = clock();
  const news = [];
  const patience = new Patience((away) => news.push(away), time);
  const source = lasting(there.source, patience, { wait: async () => {}, ...around });
  return { there, time, news, patience, source };
}
const photo = new File(["x"], "photo");

test("a question waits for the server, longer each time, and is then answered", async () => {
  const { there, time, news, source } = page();
  there.away = true;
  const got = source.ask({ what: "start", from: "example" });
  for (let i = 0; i < 7; i += 1) await time.ring();
  assert.deepEqual(time.waits.slice(0, 7), [1000, 2000, 4000, 8000, 16000, 30000, 30000]);
  assert.deepEqual(news, [true], "said once");
  there.away = false;
  await time.ring();
  assert.deepEqual(await got, { start: { token: "film1" } });
  assert.deepEqual(news, [true, false]);
});

test("try again: all that waits goes on at once, and one answer is enough", async () => {
  const { there, time, patience, source } = page();
  there.away = true;
  const all = [source.ask({ what: "start" }), source.ask({ what: "start" })];
  await new Promise(setImmediate);
  assert.equal(time.waits.length, 1, "one wait for both");
  there.away = false;
  patience.now();
  assert.equal((await Promise.all(all)).length, 2);
  assert.equal(patience.away, false);
});

test("what nobody wants any more is not asked again", async () => {
  const { there, time, source } = page();
  let wanted = true;
  there.away = true;
  const got = source.ask({ what: "start" }, () => wanted);
  await time.ring();
  wanted = false;
  there.away = false;
  await time.ring();
  assert.deepEqual([await got, there.asked], [{}, []]);
});

test("a view does not wait for ever", async () => {
  const { there, source } = page({ view: 20 });
  there.away = true;
  const got = await source.ask({ what: "view", token: "film1" });
  assert.equal(got.late, true);
  assert.match(got.error, /server is away/);
  const slow = lasting({ ask: () => new Promise(() => {}) }, new Patience(), { view: 20, attempt: 30 });
  assert.match((await slow.ask({ what: "view" })).error, /longer than a minute/);
});

test("a server that was started anew begins the film again, from the file, at the page's old token", async () => {
  const { there, source } = page();
  const path = await source.upload(photo, () => {});
  await source.ask({ what: "start", from: "upload", path, k: 9 });
  await source.ask({ what: "start", from: "again", token: "film1", crop: [1, 0, 2] });
  there.restart();
  assert.deepEqual(await source.ask({ what: "view", token: "film2", of: "film1" }), { webp: "film4" });
  assert.deepEqual(there.uploads, ["photo-0", "photo-1"]);
  const again = there.asked.findLast((one) => one.from === "again");
  assert.deepEqual([again.token, again.crop], ["film3", [1, 0, 2]], "the same crop of the photo sent anew");
  assert.deepEqual(await source.ask({ token: "film1" }), { frames: [], told: { tokens: "a+/=" } });
});

test("an example and a link begin again, too; questions that meet begin a film once", async () => {
  const { there, source } = page();
  await source.ask({ what: "start", from: "example", photo: "cat" });
  there.restart();
  await Promise.all([source.ask({ token: "film1" }), source.ask({ what: "view", token: "film1" })]);
  const starts = there.asked.filter(({ what }) => what === "start");
  assert.deepEqual(
    starts.map((one) => one.photo),
    ["cat", "cat"],
  );
});

test("where the file can no longer be read, the tokens are enough", async () => {
  const { there, source } = page();
  const path = await source.upload(photo, () => {});
  await source.ask({ what: "start", from: "upload", path });
  await source.ask({ token: "film1" });
  there.restart();
  there.source.upload = async () => {
    throw new Error("unreadable");
  };
  assert.deepEqual(await source.ask({ token: "film1" }), { frames: [], told: { tokens: "a+/=" } });
  const { from, tokens } = there.asked.findLast(({ what }) => what === "start");
  assert.deepEqual([from, tokens], ["link", "a-_"]);
});

test("a film of which nothing is known is a sentence, and what was forgotten stays so", async () => {
  const { there, source } = page();
  assert.deepEqual(await source.ask({ token: "film7" }), { error: "Gone.", gone: "film7" });
  await source.ask({ what: "start", from: "example" });
  there.restart();
  const asked = there.asked.length;
  assert.equal((await source.ask({ what: "forget", token: "film1" })).gone, "film1");
  assert.equal(there.asked.length, asked + 1, "nothing is begun to be forgotten");
});

test("a line that breaks is tried again, thrice at most while the server is there", async () => {
  const { there, source } = page();
  there.breaks = 2;
  const parts = [];
  assert.equal(await source.upload(photo, (part) => parts.push(part)), "photo-0");
  assert.deepEqual(parts, [0, 0], "from its beginning");
  there.breaks = 9;
  await assert.rejects(
    source.upload(photo, () => {}),
    /1 kB broke off 3 times.*smaller/,
  );
});

test("a phone that looked elsewhere, or was off line, goes on when it is back", async () => {
  let hidden = true;
  const { there, time, patience, source } = page({ hidden: () => hidden });
  there.breaks = 5;
  assert.equal(await source.upload(photo, () => {}), "photo-0", "more often than a line may break");
  hidden = false;
  there.away = true;
  const path = source.upload(photo, () => {});
  await time.ring();
  there.away = false;
  patience.now(); // the browser says that it is on line
  assert.equal(await path, "photo-1");
});

test("a server that was started anew between a photo and its question gets the photo once more", async () => {
  const { there, time, source } = page();
  const path = await source.upload(photo, () => {});
  there.away = true;
  const got = source.ask({ what: "start", from: "upload", path });
  await time.ring();
  there.uploads.length = 0; // its folder of uploads is empty
  there.away = false;
  await time.ring();
  assert.ok((await got).start);
});

test("Gradio gives nothing back where a question fails: the server is away", async () => {
  for (const ask of [async () => undefined, () => Promise.reject(new Error("x"))]) {
    await assert.rejects(served({ ask }, new URL("http://x/")).ask({}), Away);
  }
  const base = new URL("http://x/");
  const start = { what: "start", from: "example", photo: "cat" };
  await assert.rejects(stored(base, async () => ({ ok: false, status: 503 })).ask(start), Away);
  await assert.rejects(stored(base, () => Promise.reject(new TypeError())).ask(start), Away);
  assert.ok((await stored(base, async () => ({ ok: false, status: 404 })).ask(start)).error);
});
