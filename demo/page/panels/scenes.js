// The six scenes. On a wide screen the picture stands beside them while they are read, and each comes into force
// when it reaches the middle; elsewhere they are cards, one after the other.
import { all, one } from "../dom.js";

const DWELL = 200; // ms at the middle: who only scrolls past changes nothing
const DIAL = 112; // px that the pinned dial covers

/**
 * Whether a scene may come into force by itself: never over what a visitor has turned since.
 * @param {State} state
 * @param {string} name the scene's
 */
export const mayCome = ({ turned, scene }, name) => scene !== name && (scene !== "" || !turned);

/**
 * What a scene that comes by itself changes: no panel, which is out of sight, and no photo of a visitor's own.
 * @param {string} hash
 * @param {boolean} own
 */
export function quietly(hash, own) {
  const state = new URLSearchParams(hash);
  state.delete("panel");
  if (own) state.delete("photo");
  return state;
}

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @param {(hash: URLSearchParams) => unknown} visit
 * @returns {Panel}
 */
export function scenes(root, act, visit) {
  const cards = all(root, ".scene");
  const [top, pair, place] = [".top", ".pair", ".beside-scenes"].map((name) => one(root, name));
  const wide = matchMedia("(min-width: 1000px) and (min-height: 560px)");
  const nameOf = (/** @type {Element} */ card) => card.id.slice(6);
  const linked = act.state.scene; // an address says a scene: then it is shown
  let reading = false; // the scenes are on the screen
  let above = false; // the picture's own place has gone up
  let waiting = 0;
  let marked = "";
  let begun = false;

  /** The picture goes where it is seen; its own place keeps its height. */
  const stand = () => {
    const here = reading && above && wide.matches && !act.hidden();
    if (here === place.contains(pair)) return;
    if (here) top.style.minHeight = `${top.offsetHeight}px`;
    if (here) place.append(pair);
    else top.insertBefore(pair, one(top, "#choose"));
    if (!here) top.style.minHeight = "";
  };
  const watch = (
    /** @type {string} */ rootMargin,
    /** @type {(entry: IntersectionObserverEntry) => void} */ tell,
  ) =>
    new IntersectionObserver(
      (news) => {
        news.forEach(tell);
        stand();
      },
      { rootMargin },
    );
  watch("0px 0px -35% 0px", (entry) => {
    reading = entry.isIntersecting;
  }).observe(one(root, ".scenes"));
  watch(`-${DIAL}px 0px 0px 0px`, (entry) => {
    above = !entry.isIntersecting && entry.boundingClientRect.bottom < innerHeight / 2;
  }).observe(top);
  wide.addEventListener("change", stand);

  const middle = watch("-50% 0px -50% 0px", ({ isIntersecting, target }) => {
    if (!isIntersecting) return;
    clearTimeout(waiting);
    waiting = window.setTimeout(() => {
      if (!place.contains(pair) || !mayCome(act.state, nameOf(target))) return;
      const link = /** @type {HTMLAnchorElement} */ (one(target, "a.plain"));
      visit(quietly(link.hash.slice(1), !act.film?.example));
    }, DWELL);
  });
  for (const card of cards) middle.observe(card);

  return {
    begin() {
      stand(); // a round may have begun, whose picture is above
      const card = begun ? undefined : cards.find((one) => nameOf(one) === linked);
      begun = true;
      if (card && wide.matches) card.scrollIntoView({ block: "center" });
    },
    draw({ state }) {
      if (state.scene === marked) return;
      marked = state.scene;
      for (const card of cards) card.classList.toggle("now", nameOf(card) === marked);
    },
  };
}
