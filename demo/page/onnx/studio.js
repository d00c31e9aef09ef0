// The one model of this page, and the films that it makes. No DOM: what opens and packs pictures is handed in.
import { ladderOf } from "../lengths.js";
import { fail, look } from "./own.js";
import { DAMAGED, pack, unpack } from "./packing.js";

const FOREIGN =
  "This link was made with other weights than this page has, so its picture cannot be painted here.";
const NO_PHOTO = "A link brings no photo, so there is nothing to encode.";
const GONE = "This photo was let go. Please choose it once more.";
const MOST_FILMS = 8; // that are kept, each with its file and the scorer's numbers

/** @typedef {import("./own.js").OwnFilm} OwnFilm */

/** What the model in a browser can show beside a film. */
const VIEWS = ["seeds", "mix", "less", "layer"];
const CODECS = "codes"; // the view of an example's files is called so

/**
 * A model as this page offers it: what it can show here, and samples in as few steps as it was taught.
 * @param {Info} info
 * @param {import("./solver.js").Sampler | undefined} sampler
 * @param {string[]} [stored] what else can be shown, as it is stored
 * @returns {Info}
 */
export const shownHere = (info, sampler, stored = []) => ({
  ...info,
  views: [...VIEWS, ...stored],
  default_steps: sampler?.distilled_steps || info.default_steps,
});

/**
 * What this needs of a browser.
 * @typedef {object} World
 * @property {Info} info the model's line in the catalog
 * @property {import("./tokenizer.js").Tokenizer} model
 * @property {string[]} [besides] models that Compare may set beside it
 * @property {import("./codec.js").Coder} coder
 * @property {(file: Blob) => Promise<import("./photo.js").Photo>} open
 * @property {(rgb: Uint8Array, kind: "photo" | "picture", shown?: number) => Promise<string>} packed
 * @property {(bytes: Uint8Array) => string} base64
 */

/** All films of this page, and its one model. */
export class Studio {
  /** @param {World} world */
  constructor(world) {
    this.world = world;
    /** @type {Map<string, OwnFilm>} by token, the newest last */
    this.films = new Map();
  }

  get info() {
    const { info } = this.world;
    const here = shownHere(info, this.world.model.shape.sampler, [CODECS]);
    return { ...here, ladder: ladderOf(info), alone: true, besides: this.world.besides ?? [] };
  }

  /**
   * @param {unknown} token
   * @throws {Error} a sentence: it is not here
   */
  film(token) {
    const film = this.films.get(String(token)) ?? fail(GONE);
    this.films.delete(film.token);
    this.films.set(film.token, film);
    return film;
  }

  /** @param {OwnFilm} film */
  keep(film) {
    this.films.set(film.token, film);
    const [oldest] = this.films.values();
    if (this.films.size > MOST_FILMS) this.forget(oldest.token);
  }

  /** @param {string} token */
  forget(token) {
    this.films.get(token)?.close();
    this.films.delete(token);
  }

  /** All of a film's tokens: its square is encoded if nobody did. @param {OwnFilm} film */
  async code(film) {
    if (!film.indices) await this.encode(film);
    return { indices: /** @type {Uint8Array} */ (film.indices) };
  }

  /** @param {OwnFilm} film */
  async encode(film) {
    const { indices, read } = await this.world.model.encode(film.rgb ?? fail(NO_PHOTO));
    film.indices ??= indices;
    film.read = read;
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
}
