// A large photo is made smaller before it is sent: the model sees 256 x 256 of it, and a slow line is slow.

const LARGE = 300_000; // bytes; what is smaller goes as it is
const SIDE = 1024; // the shorter one, in pixels: enough for a crop at four times

/**
 * How large a photo is sent, or null where it goes as it is.
 * @param {number} bytes
 * @param {number} width
 * @param {number} height
 * @returns {[number, number] | null}
 */
export function sizeToSend(bytes, width, height) {
  const factor = SIDE / Math.min(width, height);
  if (bytes <= LARGE || factor >= 1) return null;
  return [Math.round(width * factor), Math.round(height * factor)];
}

/**
 * The file that is sent. What this browser cannot read goes as it is: the server reads more kinds.
 * @param {File} file
 * @returns {Promise<File>}
 */
export async function shrunk(file) {
  if (file.size <= LARGE) return file;
  try {
    const photo = await createImageBitmap(file); // upright, and in the screen's colours
    const size = sizeToSend(file.size, photo.width, photo.height);
    if (!size) return file;
    const canvas = new OffscreenCanvas(...size);
    const brush = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
    brush.imageSmoothingQuality = "high";
    brush.fillStyle = "#fff";
    brush.fillRect(0, 0, ...size);
    brush.drawImage(photo, 0, 0, ...size);
    photo.close();
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
    return blob.size < file.size ? new File([blob], "photo.jpg", { type: blob.type }) : file;
  } catch {
    return file;
  }
}
