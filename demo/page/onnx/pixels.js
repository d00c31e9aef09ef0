// A square of RGB, 0..255, as the planes in [-1, 1] that graphs read and write. No DOM.

const COLOURS = 3;

/**
 * @param {Uint8Array} rgb
 * @returns {Float32Array} a plane a colour
 */
export function planesOf(rgb) {
  const plane = rgb.length / COLOURS;
  const pixels = new Float32Array(rgb.length);
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < COLOURS; c++) pixels[c * plane + i] = rgb[COLOURS * i + c] / 127.5 - 1;
  }
  return pixels;
}

/**
 * Rounded half to even and clipped, as Picture.from_pixels does.
 * @param {Float32Array} pixels
 */
export function rgbOf(pixels) {
  const plane = pixels.length / COLOURS;
  const rgb = new Uint8ClampedArray(pixels.length);
  for (let c = 0; c < COLOURS; c++) {
    for (let i = 0; i < plane; i++)
      rgb[COLOURS * i + c] = Math.fround(Math.fround(pixels[c * plane + i] + 1) * 127.5);
  }
  return new Uint8Array(rgb.buffer);
}
