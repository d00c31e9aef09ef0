// A round of "Name it": a link hides the photo and starts at one token; whoever sent it needed some. No DOM.
import { tokens } from "./lengths.js";

const KEPT = 99; // rounds whose tallies stay on the device

/** One round, from its link to its end. */
export class Round {
  /** @param {number} sender tokens that the sender needed */
  constructor(sender) {
    this.sender = sender;
    this.most = 1;
    this.token = "";
    this.known = false;
  }

  /**
   * Whether a film that begins is still the one to be named.
   * @param {Start} start
   * @param {Link} link
   */
  holds(start, link) {
    this.token ||= start.token;
    const instead = start.example && link.tokens; // the link was damaged, and an example came
    return this.token === start.token && !instead;
  }

  /** @param {number} k */
  saw(k) {
    this.most = Math.max(this.most, k);
  }

  /**
   * While it is on.
   * @param {Film} film
   * @param {string} sees what a classifier sees
   */
  words(film, sees) {
    const head = `Name it! A photo hides in ${tokens(film.top)}. Add tokens until you know what it is.`;
    const now = `So far: ${tokens(this.most)}, ${film.bytesOf(this.most)} bytes.`;
    return `${head}\n${now}${sees && ` A classifier sees: ${sees}.`}`;
  }

  /**
   * At its end.
   * @param {Film} film
   * @param {number[]} rounds tallies on this device, this one's among them
   */
  result(film, rounds) {
    const { most, sender } = this;
    const who = most < sender ? "You win." : most > sender ? "The sender wins." : "A draw.";
    const average = (rounds.reduce((a, b) => a + b, 0) / rounds.length).toFixed(1);
    const many = ` Your ${rounds.length} rounds on this device: ${average} tokens on average.`;
    const head = `You: ${tokens(most)}, ${film.bytesOf(most)} bytes; sender: ${sender}.`;
    return `${head}\n${who}${rounds.length > 1 ? many : ""}`;
  }
}

/**
 * A tally more, kept on the device if it keeps anything.
 * @param {number} count
 * @param {Storage | undefined} storage
 * @returns {number[]}
 */
export function tally(count, storage) {
  try {
    const before = JSON.parse(storage?.getItem("tokendial-rounds") ?? "[]");
    const rounds = [...before, count].slice(-KEPT);
    storage?.setItem("tokendial-rounds", JSON.stringify(rounds));
    return rounds;
  } catch {
    return [];
  }
}
