// A row of an answer becomes a frame whose picture is unpacked.
import { pictureAddress } from "./dom.js";
import { bytes } from "./tokens.js";

/**
 * A picture that can be drawn; an image where a browser makes no bitmaps.
 * @param {string} webp in base64
 * @returns {Promise<ImageBitmap>}
 */
export async function unpack(webp) {
  if ("createImageBitmap" in globalThis) {
    return createImageBitmap(new Blob([bytes(webp)], { type: "image/webp" }));
  }
  const image = Object.assign(new Image(), { src: pictureAddress(webp), close() {} });
  await image.decode();
  return /** @type {any} */ (image);
}

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
