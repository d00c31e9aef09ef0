// Where answers come from on a page that holds the model: what is stored, and else this browser itself.
import { OWN } from "./answers.js";
import { missing, tidy } from "./bring.js";
import { ALL, DECODING, sizeOf } from "./manifest.js";
import { OTHER } from "./own.js";
import { shownHere } from "./studio.js";

const WAIT = 2 ** 31 - 1; // ms for one answer: a visitor may think, and a phone may compute for a while
const LITTLE = 2; // GB of memory from which a phone may close the page
const NOT_NOW = "The model was not fetched, so this was not made.";

/**
 * What a visitor is asked before anything is fetched.
 * @typedef {object} Offer
 * @property {(words: { why: string, size: string, little: boolean }) => Promise<boolean>} ask
 * @property {(part: number) => void} came so much of it is here
 * @property {(why: string) => void} over it is here, or why not
 */

/**
 * @typedef {object} Around
 * @property {URL} root the page's folder
 * @property {Offer} offer
 * @property {Map<string, string>} examples their titles by name
 * @property {typeof fetch} [get]
 * @property {string} [kept] what is said once the model is here for the next visit, too
 */

const OFFLINE = "This page works offline now.";
const CARD = "The graphics card computes.";
const PROCESSOR = "The graphics card does not give what the processor gives, so the processor computes.";

const WHY = {
  link: "A link holds tokens. To see their picture, your browser needs the part of the model that paints.",
  photo: "Your photo stays on your machine: the model comes to it.",
  more: "This is painted on your machine, which needs the model for it.",
  beside: "Compare sets another model beside this one. It comes to your photo, too.",
};

/**
 * @param {Source} stored
 * @param {import("./engine.js").Engine} engine
 * @param {Around} around
 * @returns {Source & { ready(): Promise<string> }} `ready`: fetch all of the model after asking; "" or why not
 */
export function own(
  stored,
  engine,
  { root, offer, examples, get = (...what) => fetch(...what), kept: again = OFFLINE },
) {
  const { model } = engine;
  /** @type {Map<string, Answer>} stored films of this model, by token */
  const kept = new Map();
  /** @type {Map<string, File>} photos that were chosen, by their path here */
  const files = new Map();
  /** @type {Map<string, Blob>} examples' photos, by their names */
  const photos = new Map();
  /** @type {Set<string>} models that a visitor did not want beside a photo */
  const refused = new Set();
  /** @type {Promise<string> | null} */
  let fetching = null;

  /** Fetch some graphs' files after asking; a sentence if that came to nothing. */
  const fetched = async (/** @type {string[]} */ names, /** @type {string} */ why, of = model) => {
    const lacking = of.filesOf(names, of === model, engine.gpu); // what runs them came with the first
    const absent = await missing(lacking, root);
    const memory =
      /** @type {{ deviceMemory?: number }} */ (navigator).deviceMemory ?? Number.POSITIVE_INFINITY;
    const words = { why, size: `${Math.ceil(sizeOf(absent) / 1e6)} MB`, little: memory <= LITTLE };
    if (absent.length && !(await offer.ask(words))) return NOT_NOW;
    const all = sizeOf(lacking);
    let have = 0;
    const came = (/** @type {number} */ bytes) => {
      have += bytes;
      offer.came(have / all);
    };
    const got = await engine.load(names, came, of);
    const here = got.kept ? again : "The model is here.";
    const computes = engine.gpu ? ` ${got.gpu ? CARD : PROCESSOR}` : "";
    offer.over(got.error ?? (absent.length ? here + computes : computes.trim()));
    const others = [...model.besides.values()].flatMap((one) => one.filesOf(one.all, false));
    if (!got.error) tidy([...model.filesOf(ALL, true, engine.gpu), ...others], root);
    return got.error ?? "";
  };

  /** Whether some graphs can run, after a visitor was asked if need be; "" or a sentence. */
  const ready = async (/** @type {string[]} */ names, /** @type {string} */ why, of = model) => {
    while (fetching) {
      const refused = await fetching;
      if (refused) return refused; // what was asked at the same moment is answered alike
    }
    if (names.every((name) => engine.ready.has(of.prefix + name))) return "";
    fetching = fetched(names, why, of).finally(() => {
      fetching = null;
    });
    return fetching;
  };

  /** An example as this page shows it: what its model can show, if it is the one that is here. */
  const held = (/** @type {Answer} */ got) => {
    if (!got.start) return got;
    const { start } = got;
    const mine = start.info.name === model.info.name && start.info.checkpoint_id === model.info.checkpoint_id;
    if (!mine) return { ...got, start: { ...start, stored: true } };
    const film = { ...got, start: { ...start, info: shownHere(start.info, model.shape.sampler, ["codes"]) } };
    kept.set(start.token, film);
    return film;
  };

  /** An example's photo; null where it cannot be fetched. */
  const photoOf = async (/** @type {string} */ token) => {
    const got = await get(new URL(`photos/${encodeURIComponent(token)}.webp`, root)).catch(() => null);
    return got?.ok ? got.blob() : null;
  };

  /** The model gets to know an example, or has not let it go. */
  const adopt = async (/** @type {string} */ token) => {
    const { told } = /** @type {Answer} */ (kept.get(token));
    const file = photos.get(token) ?? (await photoOf(token));
    if (!file) return;
    photos.set(token, file);
    await engine.ask({
      what: "adopt",
      token,
      tokens: told?.tokens,
      file,
      name: examples.get(token) ?? token,
    });
  };

  /** Another example to mix with, where no other film was here before. */
  const another = async (/** @type {string} */ token) => {
    const name = [...examples.keys()].find((one) => one !== token) ?? token;
    if (!kept.has(name)) held(await stored.ask({ what: "start", from: "example", photo: name, model: "" }));
    if (kept.has(name)) await adopt(name);
    return name;
  };

  /** A view of a film of the model's. */
  const view = async (/** @type {Question} */ question) => {
    const token = String(question.token);
    const why = await ready(question.view === "layer" ? ALL : DECODING, WHY.more);
    if (why) return { error: why };
    let of = question.of;
    if (question.view === "mix") {
      of = question.of || (await another(token));
      if (kept.has(String(of))) await adopt(String(of));
    }
    if (kept.has(token)) await adopt(token);
    return engine.ask({ ...question, of });
  };

  const begun = async (/** @type {Question} */ question) => {
    const { from, token, path } = question;
    if (question.model && question.model !== model.info.name) return { error: OTHER };
    if (from === "upload" && !files.has(String(path))) return { error: NOT_NOW, unsent: true };
    const why = await ready(from === "link" ? DECODING : ALL, from === "link" ? WHY.link : WHY.photo);
    if (why) return { error: why };
    if (from === "again" && kept.has(String(token))) await adopt(String(token));
    return engine.ask({ ...question, file: files.get(String(path)) });
  };

  /** A film of another model beside an own photo's. Who said no is not asked again for this photo. */
  const set = async (/** @type {Question} */ question) => {
    const other = model.besides.get(String(question.model));
    if (!other) return { error: OTHER };
    const asked = `${question.model} ${question.token}`;
    const why = refused.has(asked) ? NOT_NOW : await ready(other.all, WHY.beside, other);
    if (why === NOT_NOW) refused.add(asked);
    return why ? { error: why } : engine.ask(question);
  };

  /** A question about an example. */
  const aboutExample = async (/** @type {Question} */ question) => {
    const token = String(question.token);
    if (question.what === "view") return view(question);
    if (question.what === "whole") {
      const why = await ready(ALL, WHY.more);
      if (why) return { error: why };
    } else if (!engine.ready.has("predict")) return stored.ask(question);
    await adopt(token);
    return engine.ask({ ...question, only: true }); // its ladder is stored
  };

  /** @param {Question} question @returns {Promise<Answer>} */
  const ask = async (question) => {
    const { what, from } = question;
    const token = String(question.token);
    const mine = token.startsWith(OWN);
    if (from === "example") return held(await stored.ask(question));
    if (what === "here") return { here: true };
    const beside = from === "beside" || question.view === "codec";
    if (from === "beside" && mine) return set(question);
    if (what === "models" || (beside && !mine)) return stored.ask(question);
    if (what === "start") return begun(question);
    if (kept.has(token) && !question.beside) return aboutExample(question);
    if (!mine) return stored.ask(question);
    return what === "view" ? view(question) : engine.ask(question);
  };

  return {
    still: false,
    here: true,
    attempt: WAIT,
    ready: () => ready(ALL, WHY.photo),
    ask,
    async upload(file, progress, wanted = () => true) {
      progress(1);
      const why = await ready(ALL, WHY.photo);
      if (why || !wanted()) throw new Error(why || NOT_NOW);
      const path = `photo-${files.size + 1}`;
      files.set(path, file);
      return path;
    },
  };
}
