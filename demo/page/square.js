// Which square of a photo is taken: lengths are in pixels of the photo, as it is shown. No DOM.

const LARGEST_ZOOM = 4; // a photo is sent with 1024 pixels on its shorter side, and 256 are encoded
const STEP = 0.02; // of the shorter side, that a key moves
const FACTOR = 1.06; // by which a key resizes
const ALIKE = 0.01; // sides that differ by less make a square

/** @typedef {{ left: number, top: number, side: number }} Square */
/** @typedef {{ width: number, height: number }} Size */
/** @typedef {[x: number, y: number]} Point */

/** @type {Crop} */
export const MIDDLE = [0.5, 0.5, 1];

const within = (/** @type {number} */ value, /** @type {number} */ least, /** @type {number} */ most) =>
  Math.min(Math.max(value, least), most);
const shorter = (/** @type {Size} */ photo) => Math.min(photo.width, photo.height);

/**
 * Whether all of a photo is taken.
 * @param {Size} photo
 */
export const isSquare = ({ width, height }) => Math.abs(width - height) <= ALIKE * Math.max(width, height);

/**
 * A square of some side as near to a place as the borders allow: what `square_crop` takes.
 * @param {Square} square
 * @param {Size} photo
 * @returns {Square}
 */
export function bounded({ left, top, side }, photo) {
  const bound = within(side, shorter(photo) / LARGEST_ZOOM, shorter(photo));
  return {
    left: within(left, 0, photo.width - bound),
    top: within(top, 0, photo.height - bound),
    side: bound,
  };
}

/**
 * @param {Crop} crop
 * @param {Size} photo
 */
export function squareOf([x, y, zoom], photo) {
  const side = shorter(photo) / zoom;
  return bounded({ left: x * photo.width - side / 2, top: y * photo.height - side / 2, side }, photo);
}

/**
 * @param {Square} square
 * @param {Size} photo
 * @returns {Crop}
 */
export function cropOf({ left, top, side }, photo) {
  return [(left + side / 2) / photo.width, (top + side / 2) / photo.height, shorter(photo) / side];
}

/**
 * @param {Square} square
 * @param {Point} by
 * @param {Size} photo
 */
export const moved = ({ left, top, side }, [x, y], photo) =>
  bounded({ left: left + x, top: top + y, side }, photo);

/**
 * Larger or smaller around its centre.
 * @param {Square} square
 * @param {number} factor
 * @param {Size} photo
 */
export function scaled({ left, top, side }, factor, photo) {
  const next = within(side * factor, shorter(photo) / LARGEST_ZOOM, shorter(photo));
  const off = (side - next) / 2;
  return bounded({ left: left + off, top: top + off, side: next }, photo);
}

/**
 * The corner at a point, as the signs of its directions from the centre; null where there is none.
 * @param {Square} square
 * @param {Point} point
 * @param {number} reach how far from a corner still counts
 * @returns {Point | null}
 */
export function cornerAt({ left, top, side }, [x, y], reach) {
  const near = Math.min(reach, side / 3); // a small square can still be moved
  const sign = (/** @type {number} */ off) =>
    Math.abs(off) <= near ? -1 : Math.abs(off - side) <= near ? 1 : 0;
  const [across, down] = [sign(x - left), sign(y - top)];
  return across && down ? [across, down] : null;
}

/**
 * A corner follows a point; the opposite one stays.
 * @param {Square} square
 * @param {Point} corner as `cornerAt` says
 * @param {Point} point
 * @param {Size} photo
 * @returns {Square}
 */
export function stretched({ left, top, side }, [across, down], [x, y], photo) {
  const [fixedX, fixedY] = [across > 0 ? left : left + side, down > 0 ? top : top + side];
  const room = Math.min(
    across > 0 ? photo.width - fixedX : fixedX,
    down > 0 ? photo.height - fixedY : fixedY,
  );
  const wanted = Math.max(across * (x - fixedX), down * (y - fixedY));
  const next = within(wanted, shorter(photo) / LARGEST_ZOOM, room);
  return { left: across > 0 ? fixedX : fixedX - next, top: down > 0 ? fixedY : fixedY - next, side: next };
}

/**
 * What a key does: arrows move the square, + and - resize it; null for another key.
 * @param {Square} square
 * @param {string} key
 * @param {Size} photo
 */
export function keyed(square, key, photo) {
  const by = STEP * shorter(photo);
  /** @type {Record<string, Point>} */
  const ways = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] };
  if (key in ways) return moved(square, ways[key], photo);
  if (key === "+" || key === "=") return scaled(square, FACTOR, photo);
  if (key === "-") return scaled(square, 1 / FACTOR, photo);
  return null;
}

/**
 * Whether two crops take another part.
 * @param {Crop} one
 * @param {Crop} two
 */
export const differ = (one, two) => one.some((value, i) => Math.abs(value - two[i]) > 1e-3);
