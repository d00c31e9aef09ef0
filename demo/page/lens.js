// Which part of every pane is seen: one zoom and one centre for all of them. No DOM.

const MOST = 8; // times

/**
 * @typedef {object} Lens
 * @property {number} zoom 1: the whole picture
 * @property {number} x the centre of what is seen, 0..1 of the picture
 * @property {number} y
 */

/** @type {Lens} */
export const WHOLE = { zoom: 1, x: 0.5, y: 0.5 };

/** @param {number} value @param {number} low @param {number} high */
const within = (value, low, high) => Math.min(high, Math.max(low, value));

/**
 * A lens that shows nothing beside the picture.
 * @param {Lens} lens
 * @returns {Lens}
 */
function inside({ zoom, x, y }) {
  const times = within(zoom, 1, MOST);
  const half = 0.5 / times;
  return { zoom: times, x: within(x, half, 1 - half), y: within(y, half, 1 - half) };
}

/**
 * Closer or farther: the place under a finger stays under it.
 * @param {Lens} lens
 * @param {number} factor
 * @param {number} [left] where the finger is, 0..1 of the pane
 * @param {number} [top]
 */
export function zoomed(lens, factor, left = 0.5, top = 0.5) {
  const zoom = within(lens.zoom * factor, 1, MOST);
  const nearer = 1 / lens.zoom - 1 / zoom;
  return inside({ zoom, x: lens.x + (left - 0.5) * nearer, y: lens.y + (top - 0.5) * nearer });
}

/**
 * Moved along with a finger.
 * @param {Lens} lens
 * @param {number} right how far, in panes
 * @param {number} down
 */
export const moved = ({ zoom, x, y }, right, down) =>
  inside({ zoom, x: x - right / zoom, y: y - down / zoom });

/**
 * The lens as a CSS transform's parts, for boxes whose origin is their top left corner.
 * @param {Lens} lens
 */
export const placed = ({ zoom, x, y }) => ({
  "--zoom": zoom.toFixed(3),
  "--right": `${((0.5 / zoom - x) * 100).toFixed(3)}%`,
  "--down": `${((0.5 / zoom - y) * 100).toFixed(3)}%`,
});
