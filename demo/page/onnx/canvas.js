// Pictures in and out of files, as the browser codes them. For a worker.
import { bare } from "./bare.js";

/**
 * @param {number} width
 * @param {number} height
 */
export function sheet(width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const options = { willReadFrequently: true }; // a canvas that no graphics card rounds
  const brush = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", options));
  return { canvas, brush };
}

/**
 * A square of RGB on a canvas of its own.
 * @param {Uint8Array} rgb
 */
export function painted(rgb) {
  const side = Math.sqrt(rgb.length / 3);
  const rgba = new Uint8ClampedArray(4 * side * side).fill(255);
  for (let i = 0; i < side * side; i++) {
    for (let c = 0; c < 3; c++) rgba[4 * i + c] = rgb[3 * i + c];
  }
  const { canvas, brush } = sheet(side, side);
  brush.putImageData(new ImageData(rgba, side), 0, 0);
  return canvas;
}

/**
 * A square of RGB as a WebP or JPEG file of no more than its pixels.
 * @param {Uint8Array} rgb
 * @param {string} type
 * @param {number} quality 0..1
 * @returns {Promise<Blob | null>} null: this browser writes no such files
 */
export async function encoded(rgb, type, quality) {
  const blob = await painted(rgb).convertToBlob({ type, quality });
  if (blob.type !== type) return null;
  return new Blob([bare(new Uint8Array(await blob.arrayBuffer()))], { type });
}

/**
 * What is in a file: RGBA.
 * @param {Blob} file
 */
export async function opened(file) {
  const bitmap = await createImageBitmap(file);
  const { width, height } = bitmap;
  const { brush } = sheet(width, height);
  brush.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { width, height, pixels: new Uint8Array(brush.getImageData(0, 0, width, height).data.buffer) };
}
