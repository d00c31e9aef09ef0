// The model in a visitor's browser on a page that has a server, too. To `own` the server is what is stored: its are the
// examples and other models. A photo of the visitor's own never goes to it.
import { ladderOf } from "../lengths.js";
import { OWN } from "./answers.js";
import { own } from "./source.js";

const KEPT = "The model is here, and stays for your next visit.";
const GONE = "This photo was let go. Please choose it once more.";
const SERVERS =
  "Your machine has one model. For another one, switch “decode on my machine” off and choose the photo once more.";
const WHOLE = ["example", "link", "upload"]; // what begins a film out of nothing but the question

/** @typedef {Source & { ready(): Promise<string>, holds(token: string): boolean }} Own */

/** A film at the server, an example's as a rule, and what of it did not come yet. */
class Theirs {
  /** @param {Start} start */
  constructor({ token, info }) {
    this.token = token;
    this.model = info.name;
    const modes = info.modes ?? /** @type {Mode[]} */ (["mean"]);
    this.lacking = new Map(modes.map((mode) => [mode, new Set(ladderOf(info))]));
    this.asked = false; // for what is told after the ladder
  }

  /** @param {Answer} got */
  note({ frames = [] }) {
    for (const [mode, length] of frames) this.lacking.get(mode)?.delete(length);
  }

  /** Whether the server has told all that it stores. */
  get whole() {
    return this.asked && [...this.lacking.values()].every((lengths) => !lengths.size);
  }
}

/**
 * @param {Source} server
 * @param {import("./engine.js").Engine} engine
 * @param {object} around
 * @param {URL} around.root the page's folder
 * @param {import("./source.js").Offer} around.offer
 * @param {Map<string, string>} around.examples their titles by name
 * @param {URL} around.photos the folder of their photos
 * @param {typeof fetch} [around.get]
 * @returns {Own}
 */
export function visiting(
  server,
  engine,
  { root, offer, examples, photos, get = (...what) => fetch(...what) },
) {
  const { name: here } = engine.model.info;
  /** @type {Map<string, Theirs>} by the page's token: an example's name, and the model's if it is another one */
  const films = new Map();

  /** The server's answer, by the page's tokens. @param {Question} question */
  const asked = async (question) => {
    const now = { ...question };
    for (const name of ["token", "of"]) {
      if (now[name]) now[name] = films.get(String(now[name]))?.token ?? now[name];
    }
    const got = await server.ask(now);
    const { start } = got;
    if (!start) return got;
    const { example, info } = start;
    const token = !example ? start.token : info.name === here ? example : `${example}/${info.name}`;
    const film = new Theirs(start);
    film.note(got);
    films.set(token, film);
    return { ...got, start: { ...start, token } };
  };

  const inner = own({ still: true, ask: asked }, engine, {
    root,
    offer,
    examples,
    kept: KEPT,
    get: (address) => get(new URL(String(address).slice(String(address).lastIndexOf("/") + 1), photos)),
  });
  const mine = (/** @type {unknown} */ token) => String(token).startsWith(OWN);
  const known = (/** @type {unknown} */ token) => !token || mine(token) || films.has(String(token));

  /** What is next of an example: as long as the server has some of it, its answer. @param {Question} question */
  const pull = async (question) => {
    const film = /** @type {Theirs} */ (films.get(String(question.token)));
    if (film.model === here && film.whole) return inner.ask(question);
    const got = await asked({ ...question, patient: film.model !== here && question.patient });
    film.note(got);
    film.asked ||= !got.note && !got.wait && !got.error;
    return film.model === here && (got.note || got.wait) ? inner.ask(question) : got;
  };

  /** @type {Source["ask"]} */
  const ask = async (question) => {
    const { what, from, token, of, path, view } = question;
    const begins = what === "start" && WHOLE.includes(String(from));
    for (const one of [begins ? "" : token, view === "mix" ? of : ""]) {
      if (!known(one)) return { error: GONE, gone: String(one) };
    }
    const film = begins ? undefined : films.get(String(token));
    const model = question.model || here;
    const own = from === "upload" || (from === "again" && !film);
    if (path && what === "need") return { error: SERVERS };
    if (own && model !== here) return { error: SERVERS };
    if (film && (what === "forget" || from === "beside" || (from ? model : film.model) !== here)) {
      return asked(question);
    }
    if (film && !what) return pull(question);
    const got = await inner.ask(question);
    if (got.start) got.start.stored = undefined; // there is a server for what is not stored
    return from === "link" && got.error ? asked(question) : got;
  };

  return { ...inner, ask, holds: mine };
}
