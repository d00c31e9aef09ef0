// How far pictures of the same tokens differ, place by place: what is invented. No DOM.

export const FULL = 48; // of 255: from here on the map is as bright as it gets
const LIGHT = [255, 244, 170];
const STRONGEST = 0.9; // how much of the light covers the picture

/**
 * The standard deviation over some pictures at each pixel: the root of the mean of three channels' variances.
 * @param {Uint8ClampedArray[]} pictures RGBA of equal sizes
 * @returns {Float32Array} 0..127.5, one a pixel
 */
export function deviations(pictures) {
  const count = pictures.length;
  return Float32Array.from({ length: pictures[0].length / 4 }, (_, pixel) => {
    let variance = 0;
    for (let i = 4 * pixel; i < 4 * pixel + 3; i++) {
      let [sum, squares] = [0, 0];
      for (const rgba of pictures) {
        sum += rgba[i];
        squares += rgba[i] ** 2;
      }
      variance += Math.max(0, squares / count - (sum / count) ** 2) / 3;
    }
    return Math.sqrt(variance);
  });
}

/**
 * A map to lay over the picture: nothing where all agree, light where they differ.
 * @param {Float32Array} apart
 * @returns {Uint8ClampedArray<ArrayBuffer>} RGBA
 */
export function shade(apart) {
  const rgba = new Uint8ClampedArray(4 * apart.length);
  apart.forEach((value, pixel) => {
    rgba.set([...LIGHT, 255 * STRONGEST * Math.min(1, value / FULL)], 4 * pixel);
  });
  return rgba;
}
