// Lengths of codes: which are allowed, which come first, and where they stand on the rail. All from `info`.

const FIRST = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256];

/** @param {number} length */
export const octave = (length) => Math.log2(length + 1);

/** @param {number} count */
export const tokens = (count) => `${count}${count === 1 ? " token" : " tokens"}`;

/**
 * The allowed lengths that come first, coarse to fine.
 * @param {Info} info
 */
export function ladderOf(info) {
  const { lengths, ladder } = info;
  const few = lengths.length <= FIRST.length;
  return ladder ?? lengths.filter((k) => few || FIRST.includes(k) || k === lengths.at(-1));
}

/**
 * The allowed length nearest to one that is asked for; the shorter of two.
 * @param {number[]} lengths
 * @param {number} wanted
 */
export const nearest = (lengths, wanted) =>
  lengths.reduce((a, b) => (Math.abs(b - wanted) < Math.abs(a - wanted) ? b : a));

/**
 * The one of some lengths that is nearest in octaves; -1 where there are none.
 * @param {number[]} lengths
 * @param {number} wanted
 */
export function nearestInOctaves(lengths, wanted) {
  const off = (/** @type {number} */ k) => Math.abs(octave(k) - octave(wanted));
  return lengths.reduce((best, k) => (best < 0 || off(k) < off(best) ? k : best), -1);
}

/**
 * The next allowed length in a direction, or the one at the end.
 * @param {number[]} lengths ascending
 * @param {number} from
 * @param {number} way 1 or -1
 */
export function beside(lengths, from, way) {
  const found = way > 0 ? lengths.find((k) => k > from) : lengths.findLast((k) => k < from);
  return found ?? /** @type {number} */ (way > 0 ? lengths.at(-1) : lengths[0]);
}

const FEW = 9; // fewer lengths than these are notches

/** A rail from the shortest to the longest allowed length: logarithmic, or even notches where there are few. */
export class Scale {
  /** @param {number[]} lengths ascending */
  constructor(lengths) {
    this.lengths = lengths;
    this.first = lengths[0];
    this.top = /** @type {number} */ (lengths.at(-1));
    this.from = octave(this.first);
    this.room = octave(this.top) - this.from;
  }

  /**
   * Where a length stands, 0..1.
   * @param {number} length
   */
  place(length) {
    const { lengths } = this;
    if (lengths.length >= FEW || lengths.length < 2) return this.octaves(length);
    return lengths.indexOf(nearest(lengths, length)) / (lengths.length - 1);
  }

  /**
   * Where a length stands on a logarithmic axis, 0..1.
   * @param {number} length
   */
  octaves(length) {
    return this.room ? (octave(length) - this.from) / this.room : 1;
  }

  /**
   * The number at a place; it need not be an allowed length.
   * @param {number} part 0..1
   */
  at(part) {
    const { lengths } = this;
    const last = lengths.length - 1;
    if (lengths.length < FEW) return lengths[Math.min(last, Math.max(0, Math.round(part * last)))];
    return Math.round(2 ** (this.from + Math.min(1, Math.max(0, part)) * this.room) - 1);
  }

  /** Lengths that are written under the rail: powers of two, and the ends. All, where they are few. */
  marks() {
    const { lengths, first, top } = this;
    const power = (/** @type {number} */ k) => !(k & (k - 1));
    return lengths.filter((k) => lengths.length < FEW || power(k) || k === first || k === top);
  }
}
