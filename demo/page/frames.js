// A row of an answer becomes a frame whose picture is unpacked.
import { bytes } from "./tokens.js";

/** @param {string} webp in base64 */
export const unpack = (webp) => createImageBitmap(new Blob([bytes(webp)], { type: "image/webp" }));

/** @type {(row: Row, bitmap: ImageBitmap) => Frame} */
export const frameOf = ([mode, length, , levels, psnr, ssim, bands], bitmap) => ({
  mode,
  length,
  bitmap,
  levels: bytes(levels),
  psnr,
  ssim,
  bands,
});
