// A film: a photo's head, and for each kind (mean, and sample or sharp) a reel of the frames that came so far. No DOM.
import { ladderOf, nearestInOctaves, tokens } from "./lengths.js";
import { bytes } from "./tokens.js";

/** The frames of one kind: those that are here, and the lengths that are on their way, too. */
export class Reel {
  constructor() {
    /** @type {Map<number, Frame>} */
    this.at = new Map();
    /** @type {number[]} */
    this.sent = [];
    /** @type {Seen | null} null: nobody asked yet */
    this.seen = null;
  }

  get have() {
    return [...this.at.keys()];
  }

  /** @param {Frame} frame */
  add(frame) {
    if (this.at.has(frame.length)) frame.bitmap.close();
    else this.at.set(frame.length, frame);
  }

  /** @param {number} k */
  nearest(k) {
    return this.at.get(k) ?? this.at.get(nearestInOctaves(this.have, k));
  }

  close() {
    for (const frame of this.at.values()) frame.bitmap.close();
  }
}

/** What is known of one photo at one model. */
export class Film {
  /** @param {Start} start */
  constructor(start) {
    this.start = start;
    this.info = start.info;
    this.token = start.token;
    this.example = start.example;
    this.scale = start.scale;
    this.original = start.original;
    this.lengths = start.info.lengths;
    this.ladder = ladderOf(start.info);
    this.top = /** @type {number} */ (this.lengths.at(-1));
    this.levels = start.reference ? bytes(start.reference) : null;
    this.mean = new Reel();
    this.sample = new Reel();
    /** @type {Told} */
    this.told = {};
    this.done = false; // all that there is has come
    /** @type {Wait | null} null: its pictures are quick, as far as is known */
    this.wait = null;
    this.stopped = false; // the visitor waits no longer
  }

  /**
   * The kinds of picture of a code that a film has reels for: two at most, of which the second is not a flow's.
   * An older film says only whether samples are drawn.
   */
  get modes() {
    const { modes, generative } = this.info;
    const some = modes?.filter((mode) => mode !== "flow");
    return some ?? /** @type {Mode[]} */ (generative ? ["mean", "sample"] : ["mean"]);
  }

  /** The kind beside the mean: drawn, or by a decoder of its own. Its reel goes by either name. */
  get second() {
    return this.modes[1] ?? "sample";
  }

  get sharp() {
    return this.sample;
  }

  /** Whether some picture can be shown. */
  get started() {
    return this.mean.at.size + this.sample.at.size > 0;
  }

  /**
   * Whether the ladder of a kind is there.
   * @param {Mode} mode
   */
  hasLadder(mode) {
    return this.ladder.every((k) => this[mode].at.has(k));
  }

  /**
   * How many layers have maps, in a direction.
   * @param {"read" | "write"} way
   */
  layers(way) {
    const told = this.info.attention?.find((one) => one.direction === way)?.layers;
    return told ?? this.info[`layers_${way}`] ?? 0;
  }

  /**
   * Whether a view of a film makes sense for this model; older films do not say, and have them all.
   * @param {string} view
   */
  offers(view) {
    const { views } = this.info;
    return views ? views.includes(view) : true;
  }

  /**
   * Whole bytes that so many tokens take.
   * @param {number} count
   */
  bytesOf(count) {
    return Math.ceil(count * this.info.bytes_per_token);
  }

  /**
   * The kind that is shown where this one is wanted.
   * @param {Mode} mode
   * @returns {Mode}
   */
  kind(mode) {
    if (this.modes.includes(mode) || mode === "mean") return mode;
    return this.modes[1] ?? "mean"; // whoever wants more than a mean gets what there is
  }

  /**
   * Which frame stands for k, and what to call it; nothing before the first came. A mean that stands for a
   * sample is always called one.
   * @param {number} k
   * @param {Mode} mode
   * @param {boolean} [playing] one kind throughout: means until the ladder of samples is here
   * @returns {[Frame, string] | undefined}
   */
  choose(k, mode, playing = false) {
    const mean = this.mean.nearest(k);
    const sample = this.sample.nearest(k);
    const wanted = this.kind(mode) !== "mean";
    const close = sample && Math.abs(Math.log2((sample.length + 1) / (k + 1))) <= 0.5;
    const near = wanted && (playing ? this.hasLadder(this.second) : close);
    const frame = near || !mean ? sample : mean;
    if (!frame) return undefined;
    const kind = this.modes.length > 1 ? frame.mode : "decoded";
    if (wanted && frame === mean) {
      const name = frame.length === k ? "mean" : `mean of ${frame.length}`;
      return [frame, `${name}, ${this.second}${playing && this.second === "sample" ? "s" : ""} coming`];
    }
    return [frame, frame.length === k ? kind : `showing ${frame.length}`];
  }

  /**
   * The frame of exactly this length, of the wanted kind or else the mean.
   * @param {number} k
   * @param {Mode} mode
   */
  still(k, mode) {
    return (mode !== "mean" && this.sample.at.get(k)) || this.mean.at.get(k);
  }

  /**
   * Whether what is wanted is not there; of a mean only where not all of them come by themselves.
   * @param {number} k
   * @param {Mode} mode
   * @param {boolean} [sparse]
   */
  lacks(k, mode, sparse = false) {
    return this.kind(mode) === "mean" ? sparse && !this.mean.at.has(k) : !this.sample.at.has(k);
  }

  /**
   * Whether the mean of a slow model is not there, whose lengths do not come by themselves.
   * @param {number} k
   */
  lacksMean(k) {
    return !!this.wait && !this.mean.at.has(k);
  }

  /**
   * Take over what came of the same tokens from another source; the samples, if they took as many steps.
   * @param {Film} before it is over
   * @param {number} steps that the visitor chose; 0: the model's own
   */
  inherit(before, steps) {
    const same = before.info.checkpoint_id === this.info.checkpoint_id && before.info.name === this.info.name;
    const alike = same && String(before.start.crop) === String(this.start.crop);
    if (alike) this.mean = before.mean;
    else before.mean.close();
    if (alike && (steps || before.info.default_steps === this.info.default_steps))
      this.sample = before.sample;
    else before.sample.close();
    if (alike) this.told = before.told;
    this.resend();
  }

  /** What was on its way and never came is asked for again. */
  resend() {
    this.mean.sent = this.mean.have;
    this.sample.sent = this.sample.have;
  }

  /** The samples go (another seed, other steps); the means stay. */
  retake() {
    this.sample.close();
    this.sample = new Reel();
    this.done = false;
    this.wait = null; // other steps take another time
  }

  /**
   * The kind whose pictures a classifier has named: on a CPU the samples come last.
   * @param {Mode} mode
   * @returns {Mode}
   */
  judged(mode) {
    return this[mode].seen?.guess ? mode : "mean";
  }

  /**
   * What a classifier sees in a picture, in words; "" where that is not known.
   * @param {Frame} frame
   */
  sees({ mode, length }) {
    const kind = this.judged(mode);
    const words = this[kind].seen?.guess;
    if (!words) return "";
    const near = this.ladder.findLast((n) => n <= length && words[n]);
    if (near === undefined) return "";
    const at = near < length ? ` at ${tokens(near)}` : "";
    return words[near] + at + (kind === mode ? "" : " in the mean");
  }

  close() {
    this.mean.close();
    this.sample.close();
  }
}
