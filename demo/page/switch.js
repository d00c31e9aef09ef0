// Two sources and a switch between them: the server, and the model in the visitor's own browser. A photo that came
// while the switch was on stays on this machine, also after it is off. No DOM.

const KEPT = "tokendial-machine"; // the storage's word for a switch that is on
const STAYS =
  "The photo before is on your machine only, so this cannot be made of it while the server decodes.";
const WHOLE = ["example", "link", "upload"]; // what begins a film out of nothing but the question
const LOST = "The model could not be reached. The server goes on.";
const UNSENT =
  "The model could not be reached, and your photo was not sent. Switch “decode on my machine” off to send it.";

/**
 * The switch, as panels use it.
 * @typedef {object} Machine
 * @property {boolean} on
 * @property {boolean} busy whether the server's queue was full when it was asked last
 * @property {(model: string) => boolean} runs whether a model can run here; "" is the page's first one
 * @property {(on: boolean) => Promise<string>} turn the visitor is asked first; "" or why it stays as it is
 * @property {(token: string) => boolean} holds whether a film is on this machine only
 */

/**
 * What the switch remembers beyond this visit; a browser may refuse that.
 * @param {boolean | undefined} on undefined: only look
 * @param {Storage | undefined} storage
 */
function kept(on, storage) {
  try {
    if (on === true) storage?.setItem(KEPT, "1");
    if (on === false) storage?.removeItem(KEPT);
    return storage?.getItem(KEPT) === "1";
  } catch {
    return false;
  }
}

/**
 * @param {Source} server
 * @param {string[]} models names of those that can run here
 * @param {() => Promise<import("./onnx/visiting.js").Own>} begin makes the other source; nothing is fetched by that
 * @param {Storage} [storage]
 * @returns {Source & { machine: Machine }}
 */
export function either(server, models, begin, storage = globalThis.localStorage) {
  let on = kept(undefined, storage);
  /** @type {import("./onnx/visiting.js").Own | null} */
  let own = null;
  /** @type {Promise<unknown> | null} */
  let beginning = null;

  /** The source in this browser; null if its files cannot be reached. */
  const here = async () => {
    beginning ??= begin().then((found) => {
      own = found;
    });
    await beginning.catch(() => {
      beginning = null; // the next question tries again
    });
    return own;
  };
  const holds = (/** @type {unknown} */ token) => !!own?.holds(String(token));

  /** @type {Machine} */
  const machine = {
    get on() {
      return on;
    },
    busy: false,
    runs: (model) => models.includes(model),
    holds,
    async turn(wanted) {
      if (wanted) {
        const found = await here();
        const why = found ? await found.ready() : LOST;
        if (why) return why;
      }
      on = wanted;
      kept(on, storage);
      return "";
    },
  };

  return {
    machine,
    still: false,
    get here() {
      return on;
    },
    get attempt() {
      return on ? own?.attempt : server.attempt;
    },
    async ask(question, wanted) {
      const found = on ? await here() : null;
      if (found) return found.ask(question, wanted);
      const begins = WHOLE.includes(String(question.from));
      // without `gone`: the page would send the photo to begin its film again
      if (own && !begins && holds(question.token)) return { ...(await own.ask(question)), gone: undefined };
      if (holds(question.of)) return { error: STAYS };
      const got = await server.ask(question, wanted);
      machine.busy = !!got.full;
      return got;
    },
    async upload(file, progress, wanted) {
      const source = on ? await here() : server;
      if (!source?.upload) throw new Error(UNSENT);
      return source.upload(file, progress, wanted);
    },
  };
}
