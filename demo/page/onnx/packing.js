// Tokens to the bytes of a link and back: the form "TKD2" of tokenizer_core/codes. No DOM.
// Source of the levels: Max, IRE Transactions on Information Theory 6 (1960) 7, table I.

const MAGIC = "TKD2";
const UPPER = [0.1284, 0.3881, 0.6568, 0.9424, 1.256, 1.618, 2.069, 2.733];
/** The 16 values that a number of a token may have. */
export const LEVELS = Float32Array.from([...UPPER.map((level) => -level).reverse(), ...UPPER]);
const BORDERS = LEVELS.slice(1).map((level, i) => (level + LEVELS[i]) / 2);
const ID_BYTES = 6;

/** What is wrong with bytes that are no tokens: a sentence. */
export const DAMAGED = "This link is damaged or was cut short. Please ask for it once more.";

/**
 * @typedef {object} Packed tokens of one code, as numbers of a model
 * @property {string} model its name
 * @property {string} id of its weights, 12 hexadecimal digits
 * @property {number} count tokens
 * @property {number} width numbers of a token
 * @property {Uint8Array} indices of `LEVELS`, count * width
 */

/**
 * The nearest level of each number, by its index.
 * @param {Float32Array} numbers
 */
export const nearestLevels = (numbers) =>
  Uint8Array.from(numbers, (number) => {
    let index = 0;
    while (index < BORDERS.length && BORDERS[index] < number) index += 1;
    return index;
  });

/** @param {Uint8Array} indices */
export const numbersOf = (indices) => Float32Array.from(indices, (index) => LEVELS[index]);

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** CRC-32, as zlib has it. @param {Uint8Array} bytes */
export function crc32(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/**
 * @param {Packed} packed
 * @returns {Uint8Array}
 */
export function pack({ model, id, count, width, indices }) {
  const name = new TextEncoder().encode(model);
  const head = MAGIC.length + 4;
  const start = head + 1 + name.length + ID_BYTES + 5;
  const bytes = new Uint8Array(start + Math.ceil(indices.length / 2));
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(MAGIC));
  let at = head;
  bytes[at++] = name.length;
  bytes.set(name, at);
  at += name.length;
  for (let i = 0; i < ID_BYTES; i++) bytes[at++] = Number.parseInt(id.slice(2 * i, 2 * i + 2), 16);
  view.setUint16(at, count, true);
  view.setUint16(at + 2, width, true);
  bytes[at + 4] = 1; // the tokens' places are 0, 1, 2 ...
  indices.forEach((index, i) => {
    bytes[start + (i >> 1)] |= index << (4 * (i & 1));
  });
  view.setUint32(MAGIC.length, crc32(bytes.subarray(head)), true);
  return bytes;
}

/**
 * @param {Uint8Array} bytes
 * @returns {Packed}
 * @throws {Error} a sentence: they are no such tokens
 */
export function unpack(bytes) {
  const head = MAGIC.length + 4;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const magic = new TextDecoder().decode(bytes.subarray(0, MAGIC.length));
  const fixed = head + 1 + (bytes[head] ?? 0) + ID_BYTES + 5;
  if (magic !== MAGIC || bytes.length < fixed) throw new Error(DAMAGED);
  if (view.getUint32(MAGIC.length, true) !== crc32(bytes.subarray(head))) throw new Error(DAMAGED);
  const name = bytes.subarray(head + 1, head + 1 + bytes[head]);
  const digits = bytes.subarray(fixed - 5 - ID_BYTES, fixed - 5);
  const [count, width] = [view.getUint16(fixed - 5, true), view.getUint16(fixed - 3, true)];
  const numbers = count * width;
  const plain = bytes[fixed - 1] === 1;
  if (!plain || bytes.length !== fixed + Math.ceil(numbers / 2)) throw new Error(DAMAGED);
  const indices = Uint8Array.from(
    { length: numbers },
    (_, i) => (bytes[fixed + (i >> 1)] >> (4 * (i & 1))) & 15,
  );
  const id = Array.from(digits, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return { model: new TextDecoder().decode(name), id, count, width, indices };
}
