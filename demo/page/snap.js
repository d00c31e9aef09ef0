// Where a sheet comes to rest when a finger lets it go. No DOM.

const THROWN = 0.4; // pixels a ms: faster than this it goes on in its direction
const STILL = 6; // pixels that a tap may move
const PART = 5; // of the screen: a slow pull over less than a fifth of it changes nothing

/**
 * Whether the finger only tapped.
 * @param {number} pulled pixels
 */
export const isTap = (pulled) => Math.abs(pulled) < STILL;

/**
 * Whether it is open then.
 * @param {boolean} before whether it was
 * @param {number} pulled pixels, upwards positive
 * @param {number} speed pixels a ms, upwards positive
 * @param {number} screen its height, pixels
 */
export function opens(before, pulled, speed, screen) {
  if (Math.abs(speed) > THROWN) return speed > 0;
  return Math.abs(pulled) < screen / PART ? before : pulled > 0;
}
