// The rounds of "Name it": which photo hides, what it is called, and three other things that it could be. No DOM.

/**
 * @typedef {object} Riddle
 * @property {string} photo an example's name
 * @property {string[]} names what counts as its name; the first one is shown
 * @property {string[]} others what it is not
 * @property {number} needed tokens that we needed
 */

/** @type {[photo: string, names: string, others: string, needed: number][]} */
const TABLE = [
  ["round-1", "a car, sports car, ferrari", "a boat, a shoe, a train", 8],
  ["round-2", "a woman, person, face, portrait", "a dog, a doll, a vase", 1],
  ["round-3", "galaxies, stars, sky, space, universe", "a city at night, rain, fireworks", 12],
  ["round-4", "a cat's eye, cat, eye", "an owl, a planet, a marble", 24],
  ["round-5", "a rocket, space shuttle, shuttle", "a lighthouse, a pencil, a bottle", 24],
  ["round-6", "a pagoda, temple, tower", "a merry-go-round, a ship, a crown", 24],
  ["coffee", "a cup of coffee, coffee, cup, espresso", "a bowl of soup, a flower, a drum", 8],
  ["chelsea_cat", "a cat, kitten", "a fox, a rabbit, a lion", 12],
  ["china", "a pagoda by a lake, pagoda, temple, tower", "a castle, a bridge, a windmill", 16],
  ["ferrari_cardid", "a red car, car, ferrari", "a tractor, a sofa, a fire engine", 12],
  ["astronaut", "an astronaut, woman, person, spacewoman", "a diver, a clown, a robot", 16],
  ["rocket", "a rocket, launch, launch pad", "a lamp post, a church, a crane", 16],
];

/** @type {Riddle[]} */
export const RIDDLES = TABLE.map(([photo, names, others, needed]) => ({
  photo,
  names: names.split(", "),
  others: others.split(", "),
  needed,
}));

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
