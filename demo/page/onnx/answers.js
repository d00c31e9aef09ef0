// What the model in this browser answers to the page's questions: the messages of demo/handlers.py and demo/views.py.
// No DOM: photos, packing and the model are handed in.
import { bytes, tokensOf } from "../tokens.js";
import { fail, MEAN, OTHER, OwnFilm, plan, takeOf } from "./own.js";
import { DAMAGED } from "./packing.js";
import { viewed } from "./views.js";

const CREDIT =
  "It stayed with the sender, as a link holds only the tokens: no scores here, and no maps of looks.";
const NO_PHOTO = "A link brings no photo, so there is nothing to crop or to encode with another model.";

/** How the tokens of films begin that are made here. */
export const OWN = "own-";

/** What the page is answered, whatever it asks. */
export class Answers {
  /**
   * @param {import("./studio.js").Studio} studio
   * @param {string} [prefix] of its films' tokens
   */
  constructor(studio, prefix = OWN) {
    this.studio = studio;
    this.prefix = prefix;
    this.made = 0;
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
    if (what === "view") return viewed(this.studio, this.studio.film(question.token), question, breathe);
    if (what === "whole")
      return { webp: await (this.studio.film(question.token).photo ?? fail(NO_PHOTO)).whole() };
    if (what === "forget") return this.forget(String(question.token));
    return this.pull(question, breathe);
  }

  /** @param {Question} question */
  async start(question) {
    const { from, crop = [0.5, 0.5, 1], file, tokens, model } = question;
    if (model && model !== this.studio.info.name) fail(OTHER);
    this.made += 1;
    const token = `${this.prefix}${this.made}`;
    /** @type {OwnFilm} */
    let film;
    if (from === "link") film = new OwnFilm(token, { indices: this.codeOf(String(tokens)) });
    else {
      const photo =
        from === "upload"
          ? await this.studio.world.open(/** @type {Blob} */ (file))
          : (this.studio.film(question.token).photo ?? fail(NO_PHOTO));
      if (from === "again") this.studio.film(question.token).photo = null; // it goes on with the new film
      film = await this.cropped(token, photo, /** @type {Crop} */ (crop));
    }
    this.studio.keep(film);
    return { start: await this.head(film), frames: [], told: this.told(film, []) };
  }

  /**
   * The photo of another model's film, at this one.
   * @param {OwnFilm} film
   */
  async beside({ rgb, photo, crop }) {
    if (!rgb) fail(NO_PHOTO);
    const side = this.studio.world.model.shape.image_size;
    const fits = rgb?.length === 3 * side * side;
    const square = fits ? rgb : await photo?.square(side, crop ?? [0.5, 0.5, 1]);
    this.made += 1;
    const own = new OwnFilm(`${this.prefix}${this.made}`, { rgb: square ?? fail(NO_PHOTO), crop });
    this.studio.keep(own);
    return { start: await this.head(own), frames: [], told: {} };
  }

  /**
   * @param {string} token
   * @param {import("./photo.js").Photo} photo
   * @param {Crop} crop
   */
  async cropped(token, photo, crop) {
    const rgb = await photo.square(this.studio.world.model.shape.image_size, crop);
    return new OwnFilm(token, { photo, crop, rgb });
  }

  /**
   * An example that was decoded elsewhere, so that more can be made of it.
   * @param {Question} question `token`, `tokens` packed in base64 (none: it is encoded when need be), `file` the photo,
   *   `name` for people
   */
  async adopt({ token, tokens, file, name }) {
    if (this.studio.films.has(String(token))) return {};
    const indices = tokens ? this.studio.unpacked(bytes(String(tokens))).indices : undefined;
    const photo = await this.studio.world.open(/** @type {Blob} */ (file));
    const rgb = await photo.square(this.studio.world.model.shape.image_size, [0.5, 0.5, 1]);
    this.studio.keep(new OwnFilm(String(token), { photo, rgb, indices, name: String(name) }));
    return {};
  }

  /** @param {OwnFilm} film @returns {Promise<Start>} */
  async head(film) {
    const { info } = this.studio;
    const { packed, base64 } = this.studio.world;
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
    return this.studio.unpacked(/** @type {Uint8Array} */ (data)).indices;
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
    if (film.indices && !has.includes("tokens")) told.tokens = this.studio.packedCode(film.indices);
    if (film.read && !has.includes("attention")) {
      told.attention = this.studio.maps(
        film.read,
        "read",
        Math.floor(this.studio.world.model.shape.layers.read / 2),
      );
    }
    return told;
  }

  /**
   * The next frame that the page lacks.
   * @param {Question} question
   * @param {() => Promise<unknown>} breathe
   */
  async pull(question, breathe) {
    const film = this.studio.film(question.token);
    const { k, rest, means, samples, told, only } = question;
    const sample = takeOf(question);
    const sent = { mean: /** @type {number[]} */ (means), sample: /** @type {number[]} */ (samples) };
    const where = { k: Number(k), rest: Boolean(rest), only: Boolean(only) };
    const { info } = this.studio;
    const lacking = plan(info.generative ? sample : null, info.ladder, where).filter(
      ([take, length]) => !sent[take === MEAN ? "mean" : "sample"].includes(length),
    );
    const ready = lacking.map(([take, length]) => film.reel(take).get(length));
    const frames = [...new Set(ready)].filter((row) => row !== undefined);
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
    const { model, base64, packed } = this.studio.world;
    const rgb = await model.decode(await this.studio.code(film), length, take, breathe);
    const row = await film.row(take.mode, length, rgb, base64, (picture) => packed(picture, "picture"));
    film.reel(take).set(length, row);
    return row;
  }

  /** @param {string} token */
  forget(token) {
    this.studio.forget(token);
    return { forgotten: [token] };
  }
}
