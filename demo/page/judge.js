// What a classifier makes of a kind's pictures: asked once, when the ladder is there. No DOM.

/**
 * @param {Film} film
 * @param {Mode} mode
 * @param {Intents["view"]} view
 */
async function judgeKind(film, mode, view) {
  const reel = film[mode];
  const due = film.told.linear || film.done; // after what is wanted sooner
  if (reel.seen || !due || !film.offers("guess") || !film.hasLadder(mode)) return false;
  reel.seen = {};
  const { guess, agreement, photo, late } = await view("guess", { of: mode });
  if (late) reel.seen = null; // once more, with the next frames
  if (film[mode] !== reel || !guess) return false;
  reel.seen = { guess, agreement, photo };
  return true;
}

/**
 * @param {Film} film
 * @param {Intents["view"]} view
 * @returns {Promise<boolean>} whether something is known now that was not
 */
export async function judge(film, view) {
  const news = await Promise.all(film.modes.map((mode) => judgeKind(film, mode, view)));
  return news.includes(true);
}
