// A source that outlives its server. What fails because the server is away is tried again; a film that a
// server has forgotten, as one that was started anew has, is begun again from what it came from. The page's
// token of a film stays the same. No DOM.
import { Away, Patience, within } from "./patience.js";
import { broke } from "./sending.js";
import { urlsafe } from "./tokens.js";

const TRY = 150_000; // ms for one answer: many visitors may be before this one
const VIEW = 60_000; // ms for a view, with all its tries
const BROKEN = 3; // times that sending a file may break off while the server is there
const SLOW = "This took longer than a minute. Please try once more.";
const UNSENT = "This film could not be begun anew. Please choose the photo once more.";
const AWAY = "The server is away. Please try once more when it is back.";

/** @typedef {{ question: Question, tokens: string }} Origin what began a film, and its tokens once known */
/** @typedef {{ hidden?: () => boolean, wait?: (ms: number) => Promise<unknown> }} World */
/** @typedef {World & { attempt?: number, view?: number }} Around where the source does not say how long it takes */

const always = () => true;

/**
 * @param {Source} source
 * @param {Patience} patience
 * @param {Around} [around]
 * @returns {Source}
 */
export function lasting(source, patience = new Patience(), around = {}) {
  const { hidden = () => false, attempt = TRY, view = VIEW } = around;
  const wait = around.wait ?? ((ms) => new Promise((soon) => setTimeout(soon, ms)));
  /** @type {Map<string, Origin>} by the page's token */
  const origins = new Map();
  /** @type {Map<string, string>} the server's tokens, by the page's */
  const present = new Map();
  /** @type {Map<string, Promise<boolean>>} */
  const resuming = new Map();
  /** @type {Map<unknown, File>} by the path at the server */
  const files = new Map();

  const theirs = (/** @type {unknown} */ token) => present.get(String(token)) ?? token;
  const ours = (/** @type {string} */ token) =>
    [...present].find(([, theirs]) => theirs === token)?.[0] ?? token;

  /**
   * An answer of a server that is there.
   * @param {Question} question
   * @param {() => boolean} wanted
   * @returns {Promise<Answer>}
   */
  const answered = async (question, wanted) => {
    const asked = () => {
      const now = { ...question };
      for (const name of ["token", "of"]) if (name in now) now[name] = theirs(now[name]);
      return within(source.ask(now), source.attempt ?? attempt);
    };
    return (await patience.until(asked, wanted)) ?? {};
  };

  /**
   * An answer; films that the server forgot are begun again first.
   * @param {Question} question
   * @param {() => boolean} wanted
   */
  const held = async (question, wanted) => {
    const tried = new Set();
    for (;;) {
      const got = await answered(question, wanted);
      const token = got.gone === undefined ? "" : ours(got.gone);
      if (!token || question.what === "forget" || tried.has(token)) return got;
      tried.add(token);
      if (!(await resumed(token))) return got;
    }
  };

  /**
   * Begin a film again; whether the server has it.
   * @param {string} token the page's
   */
  const resumed = (token) => {
    const origin = origins.get(token);
    if (!origin) return Promise.resolve(false);
    const going = resuming.get(token) ?? begunAgain(token, origin).finally(() => resuming.delete(token));
    resuming.set(token, going);
    return going;
  };

  /**
   * @param {string} token
   * @param {Origin} origin
   */
  const begunAgain = async (token, origin) => {
    const { start } = await begun(origin, {});
    if (start) present.set(token, start.token);
    return !!start;
  };

  /**
   * The answer to what began a film, asked once more; else to its tokens.
   * @param {Origin} origin
   * @param {Question} now what the page says today
   */
  const begun = async ({ question, tokens }, now) => {
    const file = files.get(question.path);
    const path = file && (await sent(file, () => {}, always).catch(() => ""));
    const asked = { ...question, ...now, path };
    const got = !file || path ? await held(asked, always) : { error: UNSENT };
    if (got.start || !tokens) return got;
    return held({ ...asked, what: "start", from: "link", tokens: urlsafe(tokens) }, always);
  };

  /**
   * A film that is shown, begun anew where answers come from now.
   * @param {Question} question
   */
  const moved = async ({ token, k, steps, seed, rest }) => {
    const origin = origins.get(String(token));
    if (!origin) return { error: UNSENT };
    const got = await begun(origin, { k, steps, seed, rest });
    if (got.start) origins.set(got.start.token, { ...origin });
    return got;
  };

  /**
   * What is known of a film from now on.
   * @param {Question} question
   * @param {Answer} got
   */
  const note = (question, got) => {
    if (got.start) origins.set(got.start.token, { question, tokens: "" });
    const origin = origins.get(String(got.start?.token ?? question.token));
    if (origin && got.told?.tokens) origin.tokens = got.told.tokens;
  };

  /**
   * A file's path at the server. A line that breaks is no server that is away: that is asked first.
   * @param {File} file
   * @param {(part: number) => void} progress
   * @param {() => boolean} wanted
   */
  const sent = async (file, progress, wanted) => {
    const { upload } = source;
    if (!upload) throw new Error(AWAY);
    for (let broken = 0; ; ) {
      try {
        const path = await upload(file, progress, wanted);
        files.set(path, file);
        return path;
      } catch (why) {
        if (!(why instanceof Away) || !wanted()) throw why;
      }
      if (!hidden()) broken += 1; // a phone that looks elsewhere breaks off whatever it sends
      if (broken === BROKEN) throw new Error(broke(file.size, BROKEN));
      await wait(1000 * Math.max(1, broken));
      await answered({ what: "here" }, wanted);
      if (!wanted()) throw new Away("another one was chosen");
      progress(0);
    }
  };

  /** @type {Source["ask"]} */
  const ask = async (question, wanted = always) => {
    if (question.from === "moved") return moved(question);
    if (question.what !== "view") {
      const before = patience.outages;
      const got = await held(question, wanted);
      const file = files.get(question.path);
      if (got.error && file && (patience.outages > before || got.unsent)) {
        // a server that was started anew, or another source, does not have what was sent
        return ask({ ...question, path: await sent(file, () => {}, wanted) }, wanted);
      }
      note(question, got);
      return got;
    }
    let late = false;
    const asked = held(question, () => !late && wanted());
    return within(asked, source.attempt ?? view).catch((why) => {
      if (!(why instanceof Away)) throw why;
      late = true;
      return { error: patience.away ? AWAY : SLOW, late };
    });
  };

  return {
    still: source.still,
    get here() {
      return source.here;
    },
    machine: source.machine,
    ask,
    upload: source.upload && ((file, progress, wanted = always) => sent(file, progress, wanted)),
  };
}
