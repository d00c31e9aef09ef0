// A large photo is made smaller before it is sent: the model sees 256 x 256 of it, and a slow line is slow.

/** @typedef {{ most: number, side: number }} Sending bytes that go as they are; the shorter side of others, pixels */
const USUAL = { most: 300_000, side: 1024 }; // enough for a crop at four times
const SLOWLY = { most: 100_000, side: 512 }; // at twice; a second less on a line of 1.6 Mbit/s
const SLOW = 4; // Mbit/s

/**
 * What is sent over this line; some browsers say nothing of it.
 * @param {Pick<Navigator, "connection">} device
 * @returns {Sending}
 */
export function sending({ connection }) {
  const slow = connection?.saveData || (connection?.downlink ?? SLOW) < SLOW;
  return slow ? SLOWLY : USUAL;
}

/**
 * How large a photo is sent, or null where it goes as it is.
 * @param {number} bytes
 * @param {number} width
 * @param {number} height
 * @param {Sending} [over]
 * @returns {[number, number] | null}
 */
export function sizeToSend(bytes, width, height, { most, side } = USUAL) {
  const factor = side / Math.min(width, height);
  if (bytes <= most || factor >= 1) return null;
  return [Math.round(width * factor), Math.round(height * factor)];
}

/**
 * The file that is sent. What this browser cannot read goes as it is: the server reads more kinds.
 * @param {File} file
 * @returns {Promise<File>}
 */
export async function shrunk(file) {
  const over = sending(navigator);
  if (file.size <= over.most) return file;
  try {
    const photo = await createImageBitmap(file); // upright, and in the screen's colours
    const size = sizeToSend(file.size, photo.width, photo.height, over);
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
