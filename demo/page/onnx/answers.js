// What the model in this browser answers to the page's questions: the messages of demo/handlers.py and demo/views.py.
// No DOM: photos, packing and the model are handed in.
import { ladderOf } from "../lengths.js";
import { bytes, tokensOf } from "../tokens.js";
import { look, MEAN, OwnFilm, plan } from "./own.js";
import { DAMAGED, pack, unpack } from "./packing.js";

const FOREIGN =
  "This link was made with other weights than this page has, so its picture cannot be painted here.";
const CREDIT =
  "It stayed with the sender, as a link holds only the tokens: no scores here, and no maps of looks.";
const NO_PHOTO = "A link brings no photo, so there is nothing to crop or to encode with another model.";
const NO_MAPS = "A link brings no photo, so nothing is known of where the tokens looked.";
const GONE = "This photo was let go. Please choose it once more.";
const OUT = "Steps go from 2 to 50 and seeds from 0 to 2147483647.";
const OTHER = "The page has one model in your browser; another one needs a server.";
const CHOOSE = "Choose another photo, let it load, and come back: then the two are mixed.";
const SMALL = 96; // pixels of a photo that gave tokens to a mix
const MOST_FILMS = 8; // that are kept: a photo has some tens of MB
const SEEDS = 2 ** 31;

/** How the tokens of films begin that are made here. */
export const OWN = "own-";

/** What the model in a browser can show beside a film. */
const VIEWS = ["seeds", "mix", "codes", "less", "layer"];

/**
 * A model as this page offers it: what it can show here, and samples in as few steps as it was taught.
 * @param {Info} info
 * @param {import("./solver.js").Sampler} sampler
 * @returns {Info}
 */
export const shownHere = (info, { distilled_steps: few }) => ({
  ...info,
  views: VIEWS,
  default_steps: few || info.default_steps,
});

/**
 * What this needs of a browser.
 * @typedef {object} World
 * @property {Info} info the model's line in the catalog
 * @property {import("./tokenizer.js").Tokenizer} model
 * @property {(file: Blob) => Promise<import("./photo.js").Photo>} open
 * @property {(rgb: Uint8Array, kind: "photo" | "picture", shown?: number) => Promise<string>} packed
 * @property {(bytes: Uint8Array) => string} base64
 */

/** All films of this page, and its one model. */
export class Answers {
  /** @param {World} world */
  constructor(world) {
    this.world = world;
    /** @type {Map<string, OwnFilm>} by token, the newest last */
    this.films = new Map();
    this.made = 0;
  }

  get info() {
    const { info } = this.world;
    return { ...shownHere(info, this.world.model.shape.sampler), ladder: ladderOf(info) };
  }

  /**
   * @param {Question} question `file` where a photo is opened
   * @param {() => Promise<unknown>} breathe see `Tokenizer.decode`
   * @returns {Promise<Answer>}
   * @throws {Error} a sentence
   */
  async answer(question, breathe) {
    const { what } = question;
    if (what === "start") return this.start(question);
    if (what === "adopt") return this.adopt(question);
    if (what === "view") return this.view(question, breathe);
    if (what === "whole") return { webp: await (this.film(question).photo ?? fail(NO_PHOTO)).whole() };
    if (what === "forget") return this.forget(question);
    return this.pull(question, breathe);
  }

  /** @param {Question} question */
  film({ token }) {
    const film = this.films.get(String(token)) ?? fail(GONE);
    this.films.delete(film.token);
    this.films.set(film.token, film);
    return film;
  }

  /** @param {OwnFilm} film */
  keep(film) {
    this.films.set(film.token, film);
    const [oldest] = this.films.values();
    if (this.films.size > MOST_FILMS) this.forget({ token: oldest.token });
  }

  /** @param {Question} question */
  async start(question) {
    const { from, crop = [0.5, 0.5, 1], file, tokens, model } = question;
    if (model && model !== this.info.name) fail(OTHER);
    this.made += 1;
    const token = `${OWN}${this.made}`;
    /** @type {OwnFilm} */
    let film;
    if (from === "link") film = new OwnFilm(token, { indices: this.codeOf(String(tokens)) });
    else {
      const photo =
        from === "upload"
          ? await this.world.open(/** @type {Blob} */ (file))
          : (this.film(question).photo ?? fail(NO_PHOTO));
      if (from === "again") this.film(question).photo = null; // it goes on with the new film
      film = this.cropped(token, photo, /** @type {Crop} */ (crop));
    }
    this.keep(film);
    return { start: await this.head(film), frames: [], told: this.told(film, []) };
  }

  /**
   * @param {string} token
   * @param {import("./photo.js").Photo} photo
   * @param {Crop} crop
   */
  cropped(token, photo, crop) {
    const rgb = photo.square(this.world.model.shape.image_size, crop);
    return new OwnFilm(token, { photo, crop, rgb });
  }

  /**
   * An example that was decoded elsewhere, so that more can be made of it.
   * @param {Question} question `token`, `tokens` packed in base64, `file` the photo, `name` for people
   */
  async adopt({ token, tokens, file, name }) {
    if (this.films.has(String(token))) return {};
    const { indices } = this.unpacked(bytes(String(tokens)));
    const photo = await this.world.open(/** @type {Blob} */ (file));
    const rgb = photo.square(this.world.model.shape.image_size, [0.5, 0.5, 1]);
    this.keep(new OwnFilm(String(token), { photo, rgb, indices, name: String(name) }));
    return {};
  }

  /** @param {OwnFilm} film @returns {Promise<Start>} */
  async head(film) {
    const { info } = this;
    const { packed, base64 } = this.world;
    return {
      token: film.token,
      info,
      scale: film.scale,
      crop: film.crop,
      original: film.rgb ? await packed(film.rgb, "photo") : null,
      reference: film.reference && base64(film.reference),
      home: "",
      credit: film.rgb ? "" : CREDIT,
      example: "",
      models: [{ name: info.name, title: info.title, role: info.role ?? "main", ordered: true }],
    };
  }

  /** @param {string} text a link's */
  codeOf(text) {
    let data;
    try {
      data = bytes(tokensOf(text).replaceAll("-", "+").replaceAll("_", "/"));
    } catch {
      fail(DAMAGED);
    }
    return this.unpacked(/** @type {Uint8Array} */ (data)).indices;
  }

  /** @param {Uint8Array} data */
  unpacked(data) {
    const packed = unpack(data);
    const { info } = this.world;
    const { num_tokens: count, token_width: width } = this.world.model.shape;
    if (packed.model !== info.name || packed.id !== info.checkpoint_id) fail(FOREIGN);
    if (packed.count !== count || packed.width !== width) fail(DAMAGED);
    return packed;
  }

  /** All of a film's tokens: its square is encoded if nobody did. @param {OwnFilm} film */
  async code(film) {
    if (!film.indices) await this.encode(film);
    return { indices: /** @type {Uint8Array} */ (film.indices) };
  }

  /** @param {OwnFilm} film */
  async encode(film) {
    const { indices, read } = await this.world.model.encode(film.rgb ?? fail(NO_MAPS));
    film.indices ??= indices;
    film.read = read;
  }

  /**
   * What the page does not know yet.
   * @param {OwnFilm} film
   * @param {unknown} known
   * @returns {Told}
   */
  told(film, known) {
    const has = /** @type {string[]} */ (known);
    /** @type {Told} */
    const told = {};
    if (film.indices && !has.includes("tokens")) told.tokens = this.packedCode(film.indices);
    if (film.read && !has.includes("attention")) {
      told.attention = this.maps(film.read, "read", Math.floor(this.world.model.shape.layers.read / 2));
    }
    return told;
  }

  /** @param {Uint8Array} indices */
  packedCode(indices) {
    const { info, base64 } = this.world;
    const { num_tokens: count, token_width: width } = this.world.model.shape;
    return base64(pack({ model: info.name, id: info.checkpoint_id ?? "", count, width, indices }));
  }

  /**
   * One layer's maps of all of them.
   * @param {Float32Array} values
   * @param {"read" | "write"} way
   * @param {number} layer
   * @returns {Maps}
   */
  maps(values, way, layer) {
    const { num_tokens: count, latent } = this.world.model.shape;
    const size = count * latent.positions;
    const { maps, mass } = look(
      values.subarray(layer * size, (layer + 1) * size),
      count,
      latent.positions,
      way,
    );
    return [this.world.base64(maps), mass];
  }

  /**
   * The next frame that the page lacks.
   * @param {Question} question
   * @param {() => Promise<unknown>} breathe
   */
  async pull(question, breathe) {
    const film = this.film(question);
    const { k, rest, means, samples, told, only } = question;
    const sample = takeOf(question);
    const sent = { mean: /** @type {number[]} */ (means), sample: /** @type {number[]} */ (samples) };
    const where = { k: Number(k), rest: Boolean(rest), only: Boolean(only) };
    const lacking = plan(sample, this.info.ladder, where).filter(
      ([take, length]) => !sent[take === MEAN ? "mean" : "sample"].includes(length),
    );
    const ready = lacking.flatMap(([take, length]) => film.reel(take).get(length) ?? []);
    const frames = [...new Set(ready)];
    if (!frames.length && lacking.length) frames.push(await this.frame(film, ...lacking[0], breathe));
    return { frames, told: this.told(film, told) };
  }

  /**
   * @param {OwnFilm} film
   * @param {import("./own.js").Take} take
   * @param {number} length
   * @param {() => Promise<unknown>} breathe
   */
  async frame(film, take, length, breathe) {
    const { model, base64, packed } = this.world;
    const rgb = await model.decode(await this.code(film), length, take, breathe);
    const row = await film.row(take.mode, length, rgb, base64, (picture) => packed(picture, "picture"));
    film.reel(take).set(length, row);
    return row;
  }

  /**
   * @param {Question} question
   * @param {() => Promise<unknown>} breathe
   * @returns {Promise<Answer>}
   */
  async view(question, breathe) {
    const film = this.film(question);
    const { view, k, n } = question;
    const take = takeOf(question);
    const [length, number] = [Number(k), Number(n)];
    const all = this.world.model.shape.num_tokens;
    if (view === "layer") return { maps: await this.layer(film, String(question.of), number) };
    if (view === "mix") return this.mix(film, question, breathe);
    if (view === "seeds") {
      const seed = (take.seed + number) % SEEDS;
      return this.picture(`Seed ${seed}`, await this.code(film), length, { ...take, seed }, breathe);
    }
    if (view !== "less") return fail("There is no such view here.");
    const code = { ...(await this.code(film)), without: number };
    return this.picture(number ? `all but token ${number}` : "all tokens", code, all, MEAN, breathe);
  }

  /**
   * @param {string} caption
   * @param {import("./tokenizer.js").Code} code
   * @param {number} length
   * @param {import("./own.js").Take} take
   * @param {() => Promise<unknown>} breathe
   * @returns {Promise<Answer>}
   */
  async picture(caption, code, length, take, breathe) {
    const rgb = await this.world.model.decode(code, length, take, breathe);
    return { caption, webp: await this.world.packed(rgb, "picture") };
  }

  /**
   * @param {OwnFilm} film
   * @param {string} way
   * @param {number} layer
   */
  async layer(film, way, layer) {
    if (!film.rgb) fail(NO_MAPS);
    if (way === "write")
      return this.maps(await this.world.model.write(await this.code(film)), "write", layer);
    if (!film.read) await this.encode(film);
    return this.maps(/** @type {Float32Array} */ (film.read), "read", layer);
  }

  /**
   * The first k tokens of this photo, then another one's, or the other way round.
   * @param {OwnFilm} film
   * @param {Question} question
   * @param {() => Promise<unknown>} breathe
   * @returns {Promise<Answer>}
   */
  async mix(film, { k, n, of, seed }, breathe) {
    const other = this.films.get(String(of)) ?? fail(CHOOSE);
    const all = this.world.model.shape.num_tokens;
    const pair = n ? [other, film] : [film, other];
    const cut = Number(k) * this.world.model.shape.token_width;
    const [first, rest] = [await this.code(pair[0]), await this.code(pair[1])];
    const indices = Uint8Array.from(rest.indices, (index, i) => (i < cut ? first.indices[i] : index));
    const stretches = [stretch(1, Number(k)), stretch(Number(k) + 1, all)];
    const given = await Promise.all(pair.map((one, i) => this.giver(one, one === film, stretches[i])));
    const caption = given.map((one) => `${one.name}: ${one.tokens}`).join("; ");
    const take = { mode: /** @type {Mode} */ ("sample"), steps: 4, seed: Number(seed) };
    return { ...(await this.picture(caption, { indices }, all, take, breathe)), given };
  }

  /**
   * @param {OwnFilm} film
   * @param {boolean} present
   * @param {string} tokens
   */
  async giver(film, present, tokens) {
    const own = film.rgb ? "photo" : "link's photo";
    const name = film.name || (present ? `this ${own}` : `the ${own} before`);
    if (film.rgb) film.small ??= await this.world.packed(film.rgb, "picture", SMALL);
    return { name, tokens, webp: film.small ?? null };
  }

  /** @param {Question} question */
  forget({ token }) {
    const film = this.films.get(String(token));
    film?.close();
    this.films.delete(String(token));
    return { forgotten: [String(token)] };
  }
}

/** @param {string} sentence @returns {never} */
function fail(sentence) {
  throw new Error(sentence);
}

/** A stretch of the row of tokens, in words. @param {number} first @param {number} last */
function stretch(first, last) {
  if (last < first) return "no token";
  return first === last ? `token ${first}` : `tokens ${first} to ${last}`;
}

/** The samples that are asked for. @param {Question} question @returns {import("./own.js").Take} */
function takeOf({ steps, seed }) {
  const [count, number] = [Number(steps), Number(seed)];
  const fits = Number.isInteger(count) && Number.isInteger(number);
  if (!fits || count < 2 || count > 50 || number < 0 || number >= SEEDS) fail(OUT);
  return { mode: "sample", steps: count, seed: number };
}
