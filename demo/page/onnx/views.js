// What is beside a film of the model in this browser, on request: the messages of demo/views.py. No DOM.
import { Codec } from "./codec.js";
import { fail, MEAN, SEEDS, takeOf } from "./own.js";

const NO_MAPS = "A link brings no photo, so nothing is known of where the tokens looked.";
const NO_PHOTO = "A link brings no photo, so there is nothing that codecs could show.";
const CHOOSE = "Choose another photo, let it load, and come back: then the two are mixed.";
const NONE = "There is no such view here.";
const SMALL = 96; // pixels of a photo that gave tokens to a mix
const MIXED = { mode: /** @type {Mode} */ ("sample"), steps: 4 }; // it follows the dial

/** @typedef {import("./studio.js").Studio} Studio */
/** @typedef {import("./own.js").OwnFilm} OwnFilm */
/** @typedef {() => Promise<unknown>} Breathe see `Tokenizer.decode` */

/**
 * @param {Studio} studio
 * @param {OwnFilm} film
 * @param {Question} question
 * @param {Breathe} breathe
 * @returns {Promise<Answer>}
 */
export async function viewed(studio, film, question, breathe) {
  const { view, k, n, of } = question;
  if (view === "codec") return { files: await files(studio, film, question, breathe) };
  const take = takeOf(question);
  const number = Number(n);
  const picture = painter(studio, breathe);
  if (view === "layer") return { maps: await layer(studio, film, String(of), number) };
  if (view === "seeds") {
    const seed = (take.seed + number) % SEEDS;
    return picture(`Seed ${seed}`, await studio.code(film), Number(k), { ...take, seed });
  }
  if (view === "less") {
    const code = { ...(await studio.code(film)), without: number };
    const caption = number ? `all but token ${number}` : "all tokens";
    return picture(caption, code, studio.world.model.shape.num_tokens, MEAN);
  }
  if (view !== "mix") fail(NONE);
  const other = studio.films.get(String(of)) ?? fail(CHOOSE);
  return mix(studio, number ? [other, film] : [film, other], film, Number(k), take.seed, picture);
}

/**
 * The photo in a codec's files.
 * @param {Studio} studio
 * @param {OwnFilm} film
 * @param {Question} question
 * @param {Breathe} breathe
 */
async function files({ world }, film, { of, sizes }, breathe) {
  const name = String(of);
  const codec = film.codecs.get(name) ?? new Codec(film.rgb ?? fail(NO_PHOTO), name, world.coder);
  film.codecs.set(name, codec);
  const row = (/** @type {Uint8Array} */ rgb) =>
    film.row("mean", 0, rgb, world.base64, (picture) => world.packed(picture, "picture"));
  return codec.told(/** @type {number[]} */ (sizes), row, breathe);
}

/** @typedef {ReturnType<typeof painter>} Painter */

/**
 * What paints a picture with a caption.
 * @param {Studio} studio
 * @param {Breathe} breathe
 */
const painter =
  ({ world }, breathe) =>
  /**
   * @param {string} caption
   * @param {import("./tokenizer.js").Code} code
   * @param {number} length
   * @param {import("./own.js").Take} take
   */
  async (caption, code, length, take) => {
    const rgb = await world.model.decode(code, length, take, breathe);
    return { caption, webp: await world.packed(rgb, "picture") };
  };

/**
 * @param {Studio} studio
 * @param {OwnFilm} film
 * @param {string} way
 * @param {number} number of the layer
 */
async function layer(studio, film, way, number) {
  if (!film.rgb) fail(NO_MAPS);
  const { model } = studio.world;
  if (way === "write") return studio.maps(await model.write(await studio.code(film)), "write", number);
  if (!film.read) await studio.encode(film);
  return studio.maps(/** @type {Float32Array} */ (film.read), "read", number);
}

/**
 * The first k tokens of one film, then another one's.
 * @param {Studio} studio
 * @param {OwnFilm[]} pair in this order
 * @param {OwnFilm} present the one on the dial
 * @param {number} k
 * @param {number} seed
 * @param {Painter} picture
 */
async function mix(studio, pair, present, k, seed, picture) {
  const { num_tokens: all, token_width: width } = studio.world.model.shape;
  const [first, rest] = [await studio.code(pair[0]), await studio.code(pair[1])];
  const indices = rest.indices.map((index, i) => (i < k * width ? first.indices[i] : index));
  const stretches = [stretch(1, k), stretch(k + 1, all)];
  const given = await Promise.all(pair.map((one, i) => giver(studio, one, one === present, stretches[i])));
  const caption = given.map((one) => `${one.name}: ${one.tokens}`).join("; ");
  return { ...(await picture(caption, { indices }, all, { ...MIXED, seed })), given };
}

/**
 * Who gives which tokens.
 * @param {Studio} studio
 * @param {OwnFilm} film
 * @param {boolean} present
 * @param {string} tokens
 */
async function giver({ world }, film, present, tokens) {
  const own = film.rgb ? "photo" : "link's photo";
  const name = film.name || (present ? `this ${own}` : `the ${own} before`);
  if (film.rgb) film.small ??= await world.packed(film.rgb, "picture", SMALL);
  return { name, tokens, webp: film.small ?? null };
}

/**
 * A stretch of the row of tokens, in words.
 * @param {number} first
 * @param {number} last
 */
function stretch(first, last) {
  if (last < first) return "no token";
  return first === last ? `token ${first}` : `tokens ${first} to ${last}`;
}
