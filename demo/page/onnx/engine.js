// The worker that holds the model, as the page sees it: load it, ask it.
const MOST_THREADS = 4; // more gain little, and a phone gets hot

/** One worker, which is started when it is first needed. */
export class Engine {
  /**
   * @param {import("./manifest.js").Model} model
   * @param {URL} root the page's folder
   * @param {boolean} [gpu] whether the graphics card is asked for
   * @param {() => Worker} [make]
   */
  constructor(
    model,
    root,
    gpu = false,
    make = () => new Worker(new URL("./worker.js", import.meta.url), { type: "module" }),
  ) {
    this.model = model;
    this.root = root;
    this.gpu = gpu && !!model.told.runtime.gpu;
    this.make = make;
    /** @type {Worker | null} */
    this.worker = null;
    /** @type {Map<number, (got: any) => void>} */
    this.waiting = new Map();
    this.sent = 0;
    this.came = (/** @type {number} */ _bytes) => {};
    /** @type {Set<string>} graphs that can run */
    this.ready = new Set();
  }

  /**
   * @param {string} what
   * @param {unknown} more
   * @returns {Promise<any>}
   */
  post(what, more) {
    this.worker ??= this.begin();
    this.sent += 1;
    const mine = this.sent;
    this.worker.postMessage([mine, what, more]);
    return new Promise((done) => this.waiting.set(mine, done));
  }

  begin() {
    const worker = this.make();
    worker.onmessage = ({ data: [number, got] }) => {
      if (number === "came") return this.came(got);
      this.waiting.get(number)?.(got);
      this.waiting.delete(number);
    };
    worker.onerror = (event) => this.fail(event.message || "it did not start");
    return worker;
  }

  /** The worker broke: whoever waits is told, and the next question starts another one. @param {string} why */
  fail(why) {
    this.worker?.terminate();
    this.worker = null;
    this.ready.clear();
    for (const done of this.waiting.values()) done({ error: `The model stopped in this browser: ${why}.` });
    this.waiting.clear();
  }

  /**
   * Have some graphs ready.
   * @param {string[]} names
   * @param {(bytes: number) => void} came so many more
   * @param {import("./manifest.js").Model} [model] of another model than the dial's
   * @returns {Promise<{ error?: string, kept?: boolean, gpu?: boolean }>}
   */
  async load(names, came, model = this.model) {
    this.came = came;
    const threads = Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1);
    const { told, folder, prefix } = model;
    const options = { threads, gpu: this.gpu && model === this.model };
    const got = await this.post("load", { told, folder, names, root: this.root.href, options });
    if (!got.error) for (const name of names) this.ready.add(prefix + name);
    return got;
  }

  /**
   * @param {Question} question
   * @returns {Promise<Answer>}
   */
  ask(question) {
    return this.post("ask", question);
  }
}
