// Settings: the form below the page comes beside the dial, and goes back when the browser closes it: Esc, or a press
// elsewhere.
import { one } from "../dom.js";

const EDGE = 10; // px to the dial, and to the window's end

/**
 * @param {HTMLElement} root
 * @param {HTMLElement | null} [row] of the page's own, which stands in the form while it is beside the dial
 * @returns {Panel}
 */
export function settings(root, row = null) {
  const button = one(root, ".settings");
  /** @type {HTMLElement | null} Gradio's; a page without a server has none */
  let form = null;
  let fold = () => {}; // as it was before
  let entered = false; // whether the keyboard is in it: Gradio lays the fields out a moment later

  const opened = () => !!form?.matches(":popover-open");
  const place = new ResizeObserver(() => {
    if (!form) return;
    const { left, bottom } = button.getBoundingClientRect();
    const right = innerWidth - form.offsetWidth - EDGE;
    const low = innerHeight - form.offsetHeight - EDGE;
    form.style.left = `${Math.max(EDGE, Math.min(left, right))}px`;
    form.style.top = `${Math.max(EDGE, Math.min(bottom + EDGE, low))}px`;
    if (entered) return;
    const field = one(form, "input");
    field.focus({ preventScroll: true });
    entered = document.activeElement === field;
  });

  const closed = () => {
    place.disconnect();
    button.setAttribute("aria-expanded", "false");
    for (const name of ["popover", "role", "aria-label", "style"]) form?.removeAttribute(name);
    row?.remove();
    fold();
  };
  const found = () => {
    /** @type {HTMLElement | null} */
    const node = document.querySelector("#settings");
    node?.addEventListener("toggle", (event) => {
      if (/** @type {ToggleEvent} */ (event).newState === "closed") closed();
    });
    return node;
  };
  const open = () => {
    form ??= found();
    if (!form) return;
    const header = /** @type {HTMLElement} */ (one(form, ".label-wrap"));
    const folded = !header.classList.contains("open");
    if (folded) header.click();
    fold = () => folded && header.click();
    Object.assign(form, { popover: "auto", role: "dialog", ariaLabel: "Settings" });
    if (row) form.prepend(row);
    entered = false;
    form.showPopover();
    place.observe(form);
    button.setAttribute("aria-expanded", "true");
  };

  let pressed = false; // while it was open: the browser closes it, and the press is no other one
  button.addEventListener("pointerdown", () => {
    pressed = opened();
  });
  button.addEventListener("click", () => {
    if (opened()) form?.hidePopover();
    else if (!pressed) open();
    pressed = false;
  });
  return {};
}
