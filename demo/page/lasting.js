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
const AWAY = "The server is away. Please try once more when it is back.";

/** @typedef {{ question: Question, tokens: string }} Origin what began a film, and its tokens once known */
/** @typedef {{ hidden?: () => boolean, wait?: (ms: number) => Promise<unknown> }} World */
/** @typedef {World & { attempt?: number, view?: number }} Around */

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
      return within(source.ask(now), attempt);
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
  const begunAgain = async (token, { question, tokens }) => {
    const file = files.get(question.path);
    const path = file && (await sent(file, () => {}, always).catch(() => ""));
    const whole = !file || path;
    let got = whole ? await held({ ...question, path }, always) : {};
    if (!got.start && tokens) {
      got = await held({ ...question, what: "start", from: "link", tokens: urlsafe(tokens) }, always);
    }
    if (!got.start) return false;
    present.set(token, got.start.token);
    return true;
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
    if (question.what !== "view") {
      const before = patience.outages;
      const got = await held(question, wanted);
      const file = files.get(question.path);
      if (got.error && file && patience.outages > before) {
        // a server that was started anew no longer has what was sent
        return ask({ ...question, path: await sent(file, () => {}, wanted) }, wanted);
      }
      note(question, got);
      return got;
    }
    let late = false;
    const asked = held(question, () => !late && wanted());
    return within(asked, view).catch((why) => {
      if (!(why instanceof Away)) throw why;
      late = true;
      return { error: patience.away ? AWAY : SLOW, late };
    });
  };

  return {
    still: source.still,
    here: source.here,
    ask,
    upload: source.upload && ((file, progress, wanted = always) => sent(file, progress, wanted)),
  };
}
