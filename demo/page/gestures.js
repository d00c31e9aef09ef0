// What fingers, a wheel and keys do to a box of panes: a drag wipes, two fingers and the wheel zoom, keys do both.

const NEARER = 1.25; // a step of the zoom
const STEP = 0.1; // of a pane that an arrow key moves
const NEAREST = 0.05; // of a pane that two fingers are apart at least

/**
 * @typedef {object} Hands
 * @property {(part: number) => void} wipe 0..100 of a pane's width
 * @property {(factor: number, left?: number, top?: number) => void} zoom at a place, 0..1 of a pane
 * @property {(right: number, down: number) => void} move in panes
 * @property {() => void} whole
 */

/**
 * Where a finger is in a pane, 0..1.
 * @param {Element} pane
 * @param {{ clientX: number, clientY: number }} at
 */
function placeIn(pane, { clientX, clientY }) {
  const { left, top, width, height } = pane.getBoundingClientRect();
  return [(clientX - left) / width, (clientY - top) / height];
}

/**
 * @param {HTMLElement} box it has the focus when keys count
 * @param {string} panes the selector of what is touched
 * @param {Hands} hands
 */
export function gestures(box, panes, hands) {
  /** @type {Map<number, number[]>} where each finger is */
  const fingers = new Map();
  const paneOf = (/** @type {Event} */ event) =>
    /** @type {Element | null} */ (/** @type {Element} */ (event.target).closest?.(panes) ?? null);
  const spread = () => {
    const [[x, y], [x2, y2]] = fingers.values();
    const apart = Math.max(NEAREST, Math.hypot(x - x2, y - y2)); // they may be in two panes, at the same place
    return { apart, x: (x + x2) / 2, y: (y + y2) / 2 };
  };

  const moveOne = (
    /** @type {number[]} */ from,
    /** @type {number[]} */ to,
    /** @type {boolean} */ along,
  ) => {
    if (along) hands.move(to[0] - from[0], to[1] - from[1]);
    else hands.wipe(100 * Math.min(1, Math.max(0, to[0])));
  };
  const moveTwo = (/** @type {number} */ id, /** @type {number[]} */ to) => {
    const before = spread();
    fingers.set(id, to);
    const now = spread();
    hands.move(now.x - before.x, now.y - before.y);
    hands.zoom(now.apart / before.apart, now.x, now.y);
  };

  box.addEventListener("pointerdown", (event) => {
    const pane = paneOf(event);
    if (!pane || event.button) return;
    pane.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, placeIn(pane, event));
    box.focus({ preventScroll: true });
    event.preventDefault();
  });
  box.addEventListener("pointermove", (event) => {
    const from = fingers.get(event.pointerId);
    const pane = paneOf(event);
    if (!from || !pane) return;
    const to = placeIn(pane, event);
    if (fingers.size === 2) moveTwo(event.pointerId, to);
    else moveOne(from, to, event.shiftKey);
    fingers.set(event.pointerId, to);
  });
  for (const type of ["pointerup", "pointercancel"]) {
    box.addEventListener(type, (event) => fingers.delete(/** @type {PointerEvent} */ (event).pointerId));
  }
  box.addEventListener(
    "wheel",
    (event) => {
      const pane = paneOf(event);
      const meant = event.ctrlKey || document.activeElement === box; // else the page scrolls past
      if (!pane || !meant) return;
      event.preventDefault();
      const [left, top] = placeIn(pane, event);
      hands.zoom(NEARER ** (-event.deltaY / (event.ctrlKey ? 20 : 100)), left, top);
    },
    { passive: false },
  );
  box.addEventListener("keydown", (event) => {
    if (event.target !== box || event.ctrlKey || event.metaKey) return;
    const { key } = event;
    const [right, down] =
      { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key] ?? [];
    if (key === "+" || key === "=") hands.zoom(NEARER);
    else if (key === "-") hands.zoom(1 / NEARER);
    else if (key === "0") hands.whole();
    else if (right !== undefined) hands.move(right * STEP, down * STEP);
    else return;
    event.preventDefault();
  });
}
