// A large JPEG at a half, a quarter or an eighth of its size, byte for byte as Pillow's `draft` gives it on the server:
// by libjpeg-turbo itself (vendor/jpeg-turbo.wasm, 139 kB), whose smaller transforms no browser offers. No DOM.
// Source: libjpeg-turbo, turbojpeg.h, version 2.

const WHERE = new URL("../vendor/jpeg-turbo.wasm", import.meta.url);
const RGBA = 7; // TJPF_RGBA
const BYTES = 4;

/**
 * Of a pixel's place in an upright picture: whether its row is the stored one's column, and which of the stored
 * picture's columns and rows then run backwards. By Exif's number.
 * @type {Record<number, [swapped: boolean, leftwards: boolean, upwards: boolean]>}
 */
const TURNS = {
  1: [false, false, false],
  2: [false, true, false],
  3: [false, true, true],
  4: [false, false, true],
  5: [true, false, false],
  6: [true, false, true],
  7: [true, true, true],
  8: [true, true, false],
};

/** @typedef {{ width: number, height: number, pixels: Uint8Array<ArrayBuffer> }} Pixels RGBA */

/** What decodes, asked of the host with the model, so that no photo asks for anything; null if it does not come. */
export const bringJpeg = () =>
  fetch(WHERE)
    .then((reply) => reply.arrayBuffer())
    .then((binary) => WebAssembly.compile(binary))
    .catch(() => null);

const fail = () => {
  throw new Error("not a JPEG that libjpeg-turbo decodes");
};
const system = {
  environ_sizes_get: () => 0,
  environ_get: fail,
  proc_exit: fail,
  fd_close: fail,
  fd_seek: fail,
};
/** libjpeg-turbo leaves by `longjmp` where a file is damaged. */
const IMPORTS = {
  env: { setjmp: () => 0, longjmp: fail },
  wasi_snapshot_preview1: { ...system, fd_write: fail },
};

/**
 * A JPEG's pixels as they are stored, smaller.
 * @param {WebAssembly.Module} code
 * @param {Uint8Array} file
 * @param {{ width: number, height: number }} size that is wanted: a `scale`th of its own, rounded up
 * @returns {Promise<Pixels | null>} null: it cannot be decoded in this way
 */
export async function smaller(code, file, { width, height }) {
  try {
    const { exports } = await WebAssembly.instantiate(code, IMPORTS); // anew, so that all of its memory goes
    const turbo = /** @type {any} */ (exports);
    const [from, to] = [turbo.malloc(file.length), turbo.malloc(BYTES * width * height)];
    if (!from || !to) return null;
    new Uint8Array(turbo.memory.buffer).set(file, from);
    const tool = turbo.tjInitDecompress();
    const failed = turbo.tjDecompress2(tool, from, file.length, to, width, BYTES * width, height, RGBA, 0);
    if (failed) return null;
    return { width, height, pixels: new Uint8Array(turbo.memory.buffer, to, BYTES * width * height) };
  } catch {
    return null;
  }
}

/**
 * Stored pixels as rows of an upright picture.
 * @param {Pixels} stored
 * @param {number} turn as Exif numbers it, 1 to 8
 * @returns {import("./lanczos.js").Rows}
 */
export function upright({ width, height, pixels }, turn) {
  const [swapped, leftwards, upwards] = TURNS[turn];
  const size = swapped ? { width: height, height: width } : { width, height };
  const colours = new Uint32Array(pixels.buffer, pixels.byteOffset, width * height); // a pixel is one number
  const place = (/** @type {number} */ x, /** @type {number} */ y) =>
    (upwards ? height - 1 - y : y) * width + (leftwards ? width - 1 - x : x);
  const row = (/** @type {number} */ y) => {
    const start = swapped ? place(y, 0) : place(0, y);
    if (turn === 1) return pixels.subarray(BYTES * start, BYTES * (start + width));
    const step = (swapped ? place(y, 1) : place(1, y)) - start;
    const found = Uint32Array.from({ length: size.width }, (_, x) => colours[start + x * step]);
    return new Uint8Array(found.buffer);
  };
  return { ...size, row };
}
