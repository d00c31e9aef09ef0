// The rounds of "Name it": which photo hides, what it is called, and three other things that it could be. No DOM.

/**
 * @typedef {object} Riddle
 * @property {string} photo an example's name
 * @property {string[]} names what counts as its name; the first one is shown
 * @property {string[]} others what it is not
 * @property {number} needed tokens that we needed
 */

/** @type {Riddle[]} */
export const RIDDLES = [
  {
    photo: "round-1",
    names: ["a car", "sports car", "ferrari"],
    others: ["a boat", "a shoe", "a train"],
    needed: 8,
  },
  {
    photo: "round-2",
    names: ["a woman", "person", "face", "portrait"],
    others: ["a dog", "a doll", "a vase"],
    needed: 1,
  },
  {
    photo: "round-3",
    names: ["galaxies", "stars", "sky", "space", "universe"],
    others: ["a city at night", "rain", "fireworks"],
    needed: 12,
  },
  {
    photo: "round-4",
    names: ["a cat's eye", "cat", "eye"],
    others: ["an owl", "a planet", "a marble"],
    needed: 24,
  },
  {
    photo: "round-5",
    names: ["a rocket", "space shuttle", "shuttle"],
    others: ["a lighthouse", "a pencil", "a bottle"],
    needed: 24,
  },
  {
    photo: "round-6",
    names: ["a pagoda", "temple", "tower"],
    others: ["a merry-go-round", "a ship", "a crown"],
    needed: 24,
  },
  {
    photo: "coffee",
    names: ["a cup of coffee", "coffee", "cup", "espresso"],
    others: ["a bowl of soup", "a flower", "a drum"],
    needed: 8,
  },
  { photo: "chelsea_cat", names: ["a cat", "kitten"], others: ["a fox", "a rabbit", "a lion"], needed: 12 },
  {
    photo: "china",
    names: ["a pagoda by a lake", "pagoda", "temple", "tower"],
    others: ["a castle", "a bridge", "a windmill"],
    needed: 16,
  },
  {
    photo: "ferrari_cardid",
    names: ["a red car", "car", "ferrari"],
    others: ["a tractor", "a sofa", "a fire engine"],
    needed: 12,
  },
  {
    photo: "astronaut",
    names: ["an astronaut", "woman", "person", "spacewoman"],
    others: ["a diver", "a clown", "a robot"],
    needed: 16,
  },
  {
    photo: "rocket",
    names: ["a rocket", "launch", "launch pad"],
    others: ["a lamp post", "a church", "a crane"],
    needed: 16,
  },
];

const DAY = 86_400_000; // ms

/**
 * Today's riddle: the same for everybody on a date.
 * @param {Date} date
 */
export const ofDay = (date) => Math.floor(date.getTime() / DAY) % RIDDLES.length;

/** @param {string} text */
const plain = (text) =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z ]/g, "")
    .trim()
    .replace(/^(a|an|the) /, "");

/**
 * Whether somebody's words name a riddle's photo.
 * @param {Riddle} riddle
 * @param {string} words
 */
export const isNamed = (riddle, words) => riddle.names.some((name) => plain(name) === plain(words));

/**
 * Its name among three others, in an order that the photo gives: the same for everybody.
 * @param {Riddle} riddle
 */
export function choices({ photo, names, others }) {
  const all = [names[0], ...others];
  const turn = [...photo].reduce((sum, char) => sum + char.charCodeAt(0), 0) % all.length;
  return [...all.slice(turn), ...all.slice(0, turn)];
}

/**
 * A result to share, without a word of what it was.
 * @param {string} title
 * @param {number} needed
 * @param {number} wrong answers before the right one
 * @param {number} ours tokens that we needed
 */
export function told(title, needed, wrong, ours) {
  const tries = `${"✗".repeat(wrong)}✓`;
  return `tokendial, ${title}: named with ${needed} token${needed === 1 ? "" : "s"} ${tries} (we needed ${ours})`;
}
