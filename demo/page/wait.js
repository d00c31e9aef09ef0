// A slow model: how long its pictures will take, in words. No DOM.

/**
 * A time in words; of a long one the last digits say nothing.
 * @param {number} seconds
 */
export function spoken(seconds) {
  const [count, unit] =
    seconds < 90 ? [seconds, "second"] : seconds < 5400 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
  const whole = Math.max(1, Math.round(count));
  return `${whole} ${unit}${whole === 1 ? "" : "s"}`;
}

/**
 * About how many seconds the lengths that come first will take, as far as they are not here.
 * @param {Film} film
 */
export function left(film) {
  const lacking = (/** @type {Mode} */ mode) => film.ladder.filter((k) => !film[mode].at.has(k)).length;
  return film.modes.reduce((sum, mode) => sum + lacking(mode) * (film.wait?.[mode] ?? 0), 0);
}

/**
 * Of a film whose other lengths do not come by themselves.
 * @param {Film} film
 */
export const laddered = ({ ladder }) =>
  `All ${ladder.length} first lengths are here; another one comes where the dial rests.`;

/**
 * What a visitor of a slow model is told.
 * @param {Film} film
 */
export function waited(film) {
  const { wait, second, ladder } = film;
  const here = ladder.filter((k) => film.mean.at.has(k)).length;
  const count = `${here} of ${ladder.length} lengths`;
  if (film.stopped) return `Stopped: ${count} are here.`;
  if (film.done) return laddered(film);
  const rest = spoken(left(film));
  if (film.started) return `${count} are here, the rest in about ${rest}.`;
  const other = wait?.[second] && film.modes.length > 1 ? `, a ${second} ${spoken(wait[second])}` : "";
  const each = `A picture takes about ${spoken(wait?.mean ?? 0)} on this server${other}`;
  return `${each}: ${ladder.length} lengths in about ${rest}.`;
}
