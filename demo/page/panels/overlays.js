// Which overlay lies on the picture: where it looks, what it added, is not there yet, is right, is invented.
import { one } from "../dom.js";

/** @type {Overlay[]} */
const NAMES = ["on", "add", "less", "right", "open"];

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @returns {Panel}
 */
export function overlays(root, act) {
  const boxes = NAMES.map(
    (name) => /** @type {HTMLInputElement} */ (one(root, `.${name === "on" ? "att" : name}-on`)),
  );
  let shown = "";
  const show = (/** @type {Overlay} */ overlay) => {
    if (overlay === shown) return;
    shown = overlay;
    boxes.forEach((box, i) => {
      box.checked = NAMES[i] === overlay; // one at a time
    });
    root.classList.toggle("righting", overlay === "right");
    const light = overlay === "on" || overlay === "right";
    for (const name of [".att", ".spot"]) one(root, name).classList.toggle("on", light);
    root.classList.toggle("adding", overlay === "add" || overlay === "less");
  };
  boxes.forEach((box, i) => {
    box.addEventListener("change", () => {
      const overlay = box.checked ? NAMES[i] : "";
      show(overlay);
      act.change({ overlay, scene: "", turned: true });
      act.settled(); // the address says it
    });
  });
  return { draw: ({ state }) => show(state.overlay) };
}
