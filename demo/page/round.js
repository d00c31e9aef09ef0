// A round of "Name it": a link hides the photo and starts at one token; whoever sent it needed some. No DOM.
import { tokens } from "./lengths.js";

const KEPT = 99; // rounds whose tallies stay on the device

/** One round, from its link to its end. */
export class Round {
  /**
   * @param {number} sender tokens that the sender needed
   * @param {import("./rounds.js").Riddle | null} riddle null: a friend's photo, whose name nobody here knows
   */
  constructor(sender, riddle = null) {
    this.sender = sender;
    this.riddle = riddle;
    this.number = -1; // of the riddles
    this.daily = false;
    this.wrong = 0; // answers
    this.gaveUp = false;
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
    const instead = !this.riddle && start.example && link.tokens; // the link was damaged, and an example came
    return this.token === start.token && !instead;
  }

  /** @param {number} k */
  saw(k) {
    this.most = Math.max(this.most, k);
  }

  /**
   * While it is on: no hint.
   * @param {Film} film
   */
  words(film) {
    const head = `Name it! A photo hides in ${tokens(film.top)}. Add tokens until you know what it is.`;
    const wrong = this.wrong ? ` Wrong answers: ${this.wrong}, a token each.` : "";
    return `${head}\nSo far: ${tokens(this.most)}, ${film.bytesOf(this.most)} bytes.${wrong}`;
  }

  /**
   * At its end.
   * @param {Film} film
   * @param {number[]} rounds tallies on this device, this one's among them
   */
  result(film, rounds) {
    const { most, sender } = this;
    if (this.gaveUp) return `It is ${this.riddle?.names[0]}. Given up at ${tokens(most)}; we: ${sender}.`;
    const theirs = this.riddle ? "We win." : "The sender wins.";
    const who = most < sender ? "You win." : most > sender ? theirs : "A draw.";
    const average = (rounds.reduce((a, b) => a + b, 0) / rounds.length).toFixed(1);
    const many = ` Your ${rounds.length} rounds on this device: ${average} tokens on average.`;
    const other = this.riddle ? "we" : "sender";
    const head = `You: ${tokens(most)}, ${film.bytesOf(most)} bytes; ${other}: ${sender}.`;
    const what = this.riddle ? `It is ${this.riddle.names[0]}. ` : "";
    return `${what}${head}\n${who}${rounds.length > 1 ? many : ""}`;
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
