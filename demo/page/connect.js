// A page's line to its server: what is asked lasts until the server is there, and the visitor can hurry it.
import { lasting } from "./lasting.js";
import { Patience } from "./patience.js";

/**
 * @param {Source} given
 * @param {(away: boolean) => void} changed the server went away, or is back
 * @returns {{ source: Source, again: () => void }} and what asks once more now
 */
export function connect(given, changed) {
  const patience = new Patience(changed);
  const again = () => patience.now();
  addEventListener("online", again);
  document.addEventListener("visibilitychange", () => document.hidden || again());
  return { source: lasting(given, patience, { hidden: () => document.hidden }), again };
}
