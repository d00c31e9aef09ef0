// Pixels whose colours a profile explains, as sRGB: the browser gets them as a PNG that has the profile, and shows what
// it means. For a worker.
// Source: PNG third edition, 5.3, 11.2 and 11.3.2.3 (iCCP).
import { opened } from "./canvas.js";
import { crc32 } from "./packing.js";

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const RGBA_OF_8_BITS = [8, 6, 0, 0, 0];
const BYTES = 4;

/** @typedef {import("./jpeg.js").Pixels} Pixels */

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function packed(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** @param {number} number four bytes of it */
const four = (number) => [24, 16, 8, 0].map((bits) => (number >>> bits) & 255);

/**
 * A part of a PNG.
 * @param {string} name
 * @param {...ArrayLike<number>} content
 */
function chunk(name, ...content) {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  const made = new Uint8Array(length + 12);
  made.set(four(length));
  made.set(new TextEncoder().encode(name), 4);
  let at = 8;
  for (const part of content) {
    made.set(part, at);
    at += part.length;
  }
  made.set(four(crc32(made.subarray(4, at))), at);
  return made;
}

/**
 * @param {Pixels} picture
 * @param {Uint8Array<ArrayBuffer>} profile
 */
async function png({ width, height, pixels }, profile) {
  const stride = BYTES * width;
  const lines = new Uint8Array(height * (stride + 1)); // each begins with a 0: not filtered
  for (let y = 0; y < height; y++) {
    lines.set(pixels.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1);
  }
  const named = [112, 0, 0]; // "p", and that it is deflated
  return new Blob([
    SIGNATURE,
    chunk("IHDR", four(width), four(height), RGBA_OF_8_BITS),
    chunk("iCCP", named, await packed(profile)),
    chunk("IDAT", await packed(lines)),
    chunk("IEND"),
  ]);
}

/** Colours of all kinds: the greys, and a grid of the others. @returns {Pixels} */
function palette() {
  const greys = Array.from({ length: 256 }, (_, level) => [level, level, level]);
  const steps = Array.from({ length: 18 }, (_, i) => 15 * i);
  const others = steps.flatMap((red) => steps.flatMap((green) => steps.map((blue) => [red, green, blue])));
  const all = [...greys, ...others];
  return { width: all.length, height: 1, pixels: Uint8Array.from(all.flatMap((colour) => [...colour, 255])) };
}

/**
 * Whether colours stay as they are, but for rounding: most profiles say no more than "sRGB".
 * @param {Uint8Array<ArrayBuffer>} profile
 */
async function isPlain(profile) {
  const colours = palette();
  const shown = await opened(await png(colours, profile));
  return colours.pixels.every((level, i) => Math.abs(shown.pixels[i] - level) <= 1);
}

/**
 * @param {Pixels} picture
 * @param {Uint8Array<ArrayBuffer>} profile of its colours
 * @returns {Promise<Pixels>}
 */
export async function inSrgb(picture, profile) {
  return (await isPlain(profile)) ? picture : opened(await png(picture, profile));
}
