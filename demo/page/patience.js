// A server that is away: how long to wait before it is asked again, and what ends the wait at once. No DOM.

const FIRST = 1_000; // ms before the second try; each further wait is twice as long
const LONGEST = 30_000; // ms

/** A fault that passes: the network's, or of a proxy that finds no server. */
export class Away extends Error {}

/** Waits that all questions of a page share: one answer, or one press of a button, ends them all. */
export class Patience {
  /**
   * @param {(away: boolean) => void} [changed] the server went away, or is back
   * @param {{ set: (call: () => void, ms: number) => any, clear: (timer: any) => void }} [clock]
   */
  constructor(
    changed = () => {},
    clock = { set: (...what) => setTimeout(...what), clear: (timer) => clearTimeout(timer) },
  ) {
    this.changed = changed;
    this.clock = clock;
    this.waits = 0; // in a row
    this.outages = 0; // since the page is open
    /** @type {{ over: Promise<void>, end: () => void } | null} */
    this.wait = null;
  }

  /** Whether the newest thing that is known of the server is that it did not answer. */
  get away() {
    return this.waits > 0;
  }

  /** The server answered. */
  answered() {
    if (!this.away) return;
    this.waits = 0;
    this.changed(false);
    this.wait?.end();
  }

  /** Whatever waits goes on now: somebody asked for it, or the device is on line again. */
  now() {
    if (!this.wait) return;
    this.waits = 1; // and the next wait is a short one
    this.wait.end();
  }

  /** Wait before the next try. */
  pause() {
    if (this.wait) return this.wait.over;
    this.waits += 1;
    if (this.waits === 1) {
      this.outages += 1;
      this.changed(true);
    }
    let end = () => {};
    /** @type {Promise<void>} */
    const over = new Promise((soon) => {
      const timer = this.clock.set(() => end(), Math.min(LONGEST, FIRST * 2 ** (this.waits - 1)));
      end = () => {
        this.clock.clear(timer);
        this.wait = null;
        soon();
      };
    });
    this.wait = { over, end: () => end() };
    return over;
  }

  /**
   * Try again and again what fails with `Away`.
   * @template Got
   * @param {() => Promise<Got>} attempt
   * @param {() => boolean} wanted whether somebody still waits for it
   * @returns {Promise<Got | null>} null: nobody does
   */
  async until(attempt, wanted) {
    while (wanted()) {
      try {
        const got = await attempt();
        this.answered();
        return got;
      } catch (why) {
        if (!(why instanceof Away)) throw why;
        await this.pause();
      }
    }
    return null;
  }
}

/**
 * What is promised, or a fault that passes if it takes longer.
 * @template Got
 * @param {Promise<Got>} promised
 * @param {number} ms
 * @returns {Promise<Got>}
 */
export function within(promised, ms) {
  return new Promise((done, failed) => {
    const timer = setTimeout(() => failed(new Away("It took too long.")), ms);
    promised.then(done, failed).finally(() => clearTimeout(timer));
  });
}
