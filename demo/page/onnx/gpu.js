// Whether a graphics card computes a graph as the processor does: drivers and browsers differ, so one run says it.
import { randn } from "./noise.js";

const APART = 5e-3; // of the largest value: far above rounding, far below a level of a picture
const BLOCK = 16;

/** @typedef {import("./tokenizer.js").Session} Session */
/** @typedef {import("./tokenizer.js").MakeTensor} MakeTensor */
/** @typedef {{ name: string, shape: number[], dtype: string }} Told an input or an output, as a manifest tells it */

/**
 * Something to run a graph on: noise, and all that can be there.
 * @param {MakeTensor} Tensor
 * @param {Told[]} inputs
 */
export function given(Tensor, inputs) {
  const feeds = inputs.map(({ name, shape, dtype }, seed) => {
    const count = shape.reduce((a, b) => a * b, 1);
    const numbers = () => randn(seed, Math.ceil(count / BLOCK) * BLOCK).subarray(0, count);
    const data = dtype === "bool" ? new Uint8Array(count).fill(1) : numbers();
    return [name, new Tensor(dtype, data, shape)];
  });
  return Object.fromEntries(feeds);
}

/**
 * How far two rows of numbers are apart, as a share of the largest of them.
 * @param {Float32Array} one
 * @param {Float32Array} other
 */
export function apart(one, other) {
  let [most, largest] = [0, 1e-6];
  for (let i = 0; i < one.length; i++) {
    const off = Math.abs(one[i] - other[i]);
    if (!(off <= most)) most = off; // what is no number stays
    largest = Math.max(largest, Math.abs(one[i]));
  }
  return most / largest;
}

/**
 * @param {MakeTensor} Tensor
 * @param {{ inputs: Told[], outputs: Told[] }} told
 * @param {Session} processor
 * @param {Session} card
 */
export async function agree(Tensor, told, processor, card) {
  const names = told.outputs.map(({ name }) => name);
  try {
    const wanted = await processor.run(given(Tensor, told.inputs), names);
    const found = await card.run(given(Tensor, told.inputs), names);
    return names.every((name) => apart(wanted[name].data, found[name].data) <= APART);
  } catch {
    return false; // a card without room, or a graph that it does not take
  }
}
