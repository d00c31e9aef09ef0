// A visitor's file becomes a photo, and any square of it the one that tokenizer_core/photos would take. What the
// browser opens is opened: upright, in sRGB, the first frame, alpha on white. For a worker.

import { EMPTY, size, UNREADABLE } from "../sending.js";
import { squareOf } from "../square.js";
import { painted, sheet } from "./canvas.js";
import { drafted, draftOf } from "./draft.js";
import { isJpeg, jpegIn, sizeIn } from "./headers.js";
import { smaller, upright } from "./jpeg.js";
import { resized } from "./lanczos.js";
import { inSrgb } from "./profile.js";

const MOST_BYTES = 20 * 2 ** 20;
const MOST_PIXELS = 60e6;
const STRIP = 64; // rows that are taken out of the picture at a time
const HEAD = 2 ** 18; // bytes in which a file says how large its picture is
const RGB = 3; // colours of a pixel
const WHOLE = 640; // pixels of the longer side of a photo whose crop is chosen
const QUALITY = { photo: 0.9, picture: 0.8 }; // of WebP, as the server has it

const tooHeavy = (/** @type {number} */ bytes) =>
  `This file has ${size(bytes)}; the limit is 20 MB. Please save the photo smaller.`;
const TOO_LARGE = "This picture has more than 60 megapixels, which is the limit.";
const UNKNOWN =
  "This browser cannot open that file: it is no picture, it is damaged, or of a kind that the browser does not know.";

/**
 * Whether a file may be opened.
 * @param {Blob} file
 * @returns {Promise<boolean>} whether it is a JPEG
 */
async function check(file) {
  if (file.size > MOST_BYTES) throw new Error(tooHeavy(file.size));
  const head = await file
    .slice(0, HEAD)
    .arrayBuffer()
    .catch(() => null); // a folder, or a file that has moved
  if (!head) throw new Error(UNREADABLE);
  if (!head.byteLength) throw new Error(EMPTY);
  const told = sizeIn(new Uint8Array(head));
  if (told && told.width * told.height > MOST_PIXELS) throw new Error(TOO_LARGE);
  return isJpeg(new Uint8Array(head));
}

/** @param {Blob} file */
async function decoded(file) {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) throw new Error(UNKNOWN);
  return bitmap;
}

/**
 * A photo's rows as RGBA on white, asked for from the top.
 * @param {ImageBitmap} bitmap
 * @returns {import("./lanczos.js").Rows}
 */
function rowsOf(bitmap) {
  const { width, height } = bitmap;
  const { brush } = sheet(width, STRIP);
  let strip = new Uint8ClampedArray();
  let first = -STRIP;
  const row = (/** @type {number} */ y) => {
    if (y < first || y >= first + STRIP) {
      first = y;
      const high = Math.min(STRIP, height - y);
      brush.fillStyle = "#fff";
      brush.fillRect(0, 0, width, STRIP);
      brush.drawImage(bitmap, 0, y, width, high, 0, 0, width, high);
      strip = brush.getImageData(0, 0, width, STRIP).data;
    }
    return strip.subarray(4 * width * (y - first), 4 * width * (y - first + 1));
  };
  return { width, height, row };
}

/**
 * A picture's bytes as a page shows them: WebP, or PNG where a browser writes no WebP.
 * @param {OffscreenCanvas} canvas
 * @param {number} quality
 */
async function coded(canvas, quality) {
  const blob = await canvas.convertToBlob({ type: "image/webp", quality });
  return base64(new Uint8Array(await blob.arrayBuffer()));
}

/** @param {Uint8Array} bytes */
export function base64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return btoa(text);
}

/**
 * A square of RGB as WebP in base64.
 * @param {Uint8Array} rgb
 * @param {keyof typeof QUALITY} kind
 * @param {number} [shown] pixels of a side, if it is shown smaller
 */
export async function packed(rgb, kind, shown) {
  const canvas = painted(rgb);
  if (!shown) return coded(canvas, QUALITY[kind]);
  const small = sheet(shown, shown);
  small.brush.imageSmoothingQuality = "high";
  small.brush.drawImage(canvas, 0, 0, shown, shown);
  return coded(small.canvas, QUALITY[kind]);
}

/** A photo, upright. Its pixels, up to 240 MB, are decoded when they are needed, and let go after it. */
export class Photo {
  /**
   * @param {Blob} file
   * @param {ImageBitmap} bitmap
   * @param {boolean} jpeg
   * @param {WebAssembly.Module | null} turbo what decodes a JPEG smaller
   */
  constructor(file, bitmap, jpeg, turbo) {
    this.file = file;
    this.turbo = turbo;
    /** @type {ImageBitmap | null} */
    this.bitmap = bitmap;
    this.draft = jpeg ? draftOf(bitmap) : 1;
    this.width = Math.ceil(bitmap.width / this.draft);
    this.height = Math.ceil(bitmap.height / this.draft);
  }

  /**
   * @param {Blob} file
   * @param {WebAssembly.Module | null} [turbo] see `bringJpeg`; without it a large JPEG is not quite the server's
   * @throws {Error} a sentence
   */
  static async open(file, turbo = null) {
    const jpeg = await check(file);
    const bitmap = await decoded(file);
    if (bitmap.width * bitmap.height <= MOST_PIXELS) return new Photo(file, bitmap, jpeg, turbo);
    bitmap.close();
    throw new Error(TOO_LARGE);
  }

  /**
   * What is made of its pixels, which then go.
   * @template Made
   * @param {(bitmap: ImageBitmap) => Made | Promise<Made>} make
   */
  async use(make) {
    this.bitmap ??= await decoded(this.file);
    const made = await make(this.bitmap);
    this.close();
    return made;
  }

  /**
   * A square of it, resized as the server does: RGB.
   * @param {number} side
   * @param {Crop} crop
   */
  async square(side, crop) {
    const { left, top, side: taken } = squareOf(crop, this);
    const box = /** @type {import("./lanczos.js").Box} */ ([
      left,
      top,
      Math.min(left + taken, this.width),
      Math.min(top + taken, this.height),
    ]);
    if (this.draft === 1) return this.use((bitmap) => resized(rowsOf(bitmap), side, box));
    const rows = await this.small();
    if (!rows) return this.use((bitmap) => resized(drafted(rowsOf(bitmap), this.draft), side, box));
    this.close();
    return resized(rows, side, box);
  }

  /** A large JPEG's rows as the server decodes it; null where that cannot be had. */
  async small() {
    const read = this.turbo && (await this.file.arrayBuffer().catch(() => null)); // null: the file has moved
    if (!this.turbo || !read) return null;
    const bytes = new Uint8Array(read);
    const told = jpegIn(bytes);
    if (!told || (told.profile && told.colours !== RGB)) return null;
    const [width, height] = [told.width, told.height].map((side) => Math.ceil(side / this.draft));
    const stored = await smaller(this.turbo, bytes, { width, height });
    const shown = stored && told.profile ? await inSrgb(stored, told.profile) : stored;
    const rows = shown && upright(shown, told.turn);
    return rows?.width === this.width && rows.height === this.height ? rows : null;
  }

  /** All of it, small, for the box in which a crop is chosen: WebP in base64. */
  async whole() {
    const factor = Math.min(1, WHOLE / Math.max(this.width, this.height));
    const [width, height] = [this.width, this.height].map((side) => Math.max(1, Math.round(side * factor)));
    const { canvas, brush } = sheet(width, height);
    brush.imageSmoothingQuality = "high";
    brush.fillStyle = "#fff";
    brush.fillRect(0, 0, width, height);
    await this.use((bitmap) => brush.drawImage(bitmap, 0, 0, width, height));
    return coded(canvas, QUALITY.picture);
  }

  close() {
    this.bitmap?.close();
    this.bitmap = null;
  }
}
