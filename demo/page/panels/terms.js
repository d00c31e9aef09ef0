// The page's words: a term's button opens what it means, beside it. The browser closes it: Esc, or a press elsewhere.
import { all, one } from "../dom.js";

const WIDE = 320; // px, at most
const HIGH = 150;
const EDGE = 8;

/**
 * @param {HTMLElement} root
 * @returns {Panel}
 */
export function terms(root) {
  /** @type {HTMLElement | null} */
  let pressed = null;

  /** @param {HTMLElement} word */
  const place = (word) => {
    if (!pressed) return;
    const { left, top, bottom } = pressed.getBoundingClientRect();
    const low = bottom > innerHeight - HIGH;
    word.style.left = `${Math.max(EDGE, Math.min(left, innerWidth - WIDE - EDGE))}px`;
    word.style.top = low ? "auto" : `${bottom + EDGE}px`;
    word.style.bottom = low ? `${innerHeight - top + EDGE}px` : "auto";
  };
  for (const word of all(one(root, ".explanations"), ".word")) {
    word.addEventListener("beforetoggle", (event) => {
      const open = /** @type {ToggleEvent} */ (event).newState === "open";
      if (open) place(word);
      pressed?.setAttribute("aria-expanded", String(open));
    });
  }
  for (const button of all(root, ".term")) {
    button.setAttribute("aria-expanded", "false");
    button.addEventListener("click", () => {
      if (pressed !== button) pressed?.setAttribute("aria-expanded", "false");
      pressed = button;
    });
  }
  const close = () => {
    for (const word of all(root, ".word:popover-open")) word.hidePopover();
  };
  addEventListener("scroll", close, { capture: true, passive: true }); // a phone's sheet scrolls by itself
  return {};
}
