// The picture, its badge, and the photo that can be laid over it.
import { one, pen, pictureAddress, put } from "../dom.js";

const BADGES = {
  "": "",
  on: "",
  add: "what changed",
  less: "what is not there yet",
  right: "what is right already",
  open: "",
};

/**
 * Let a divider be dragged over a box.
 * @param {HTMLElement} knob
 * @param {HTMLElement} box
 * @param {(part: number) => void} move 0..100
 */
function divider(knob, box, move) {
  knob.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    knob.setPointerCapture(event.pointerId);
    event.stopPropagation(); // the picture's own: hold to see the photo
    event.preventDefault();
  });
  knob.addEventListener("pointermove", (event) => {
    if (!knob.hasPointerCapture(event.pointerId)) return;
    const { left, width } = box.getBoundingClientRect();
    move(Math.min(100, Math.max(0, (100 * (event.clientX - left)) / width)));
  });
}

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @returns {Panel}
 */
export function stage(root, act) {
  const box = one(root, ".stage");
  const badge = one(root, ".badge span");
  const photo = /** @type {HTMLImageElement} */ (one(root, ".photo"));
  const picture = pen(one(root, ".pic"), { alpha: false });
  const range = /** @type {HTMLInputElement} */ (one(root, ".wipe"));
  const small = /** @type {HTMLImageElement} */ (one(root, ".thumbnail"));
  const mini = pen(one(root, ".mini"), { alpha: false });
  const turn = one(root, ".turn");
  /** @type {Frame | null} */
  let shown = null;

  const wipe = (/** @type {number} */ part) => {
    range.value = String(part);
    box.style.setProperty("--wipe", `${part}%`); // the photo from the left edge to here
    box.classList.toggle("wiped", part > 0);
  };
  range.addEventListener("input", () => wipe(Number(range.value)));
  divider(one(root, ".edge"), box, wipe);

  const peek = (/** @type {boolean} */ on) => {
    box.classList.toggle("peek", on && !!act.film?.original && !act.hidden());
  };
  const hold = one(root, ".compare");
  for (const node of [box, hold, small]) {
    node.addEventListener("pointerdown", () => peek(true));
    for (const type of ["pointerup", "pointerleave", "pointercancel", "keyup", "blur"]) {
      node.addEventListener(type, () => peek(false));
    }
  }
  hold.addEventListener("keydown", (event) => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    peek(true);
  });

  const drawMini = () => {
    const { width, height } = mini.canvas;
    if (shown) mini.drawImage(shown.bitmap, 0, 0, width, height);
  };
  // a small picture beside the dial, once the large one has gone up
  new IntersectionObserver(
    ([entry]) => {
      turn.classList.toggle("pinned", !entry.isIntersecting && entry.boundingClientRect.bottom < 200);
      drawMini();
    },
    { threshold: 0.25 },
  ).observe(box);

  return {
    begin(film) {
      shown = null;
      for (const image of [photo, small]) {
        if (film.original) image.src = pictureAddress(film.original);
        else image.removeAttribute("src");
      }
      root.classList.toggle("linked", !film.original);
      root.classList.remove("ready");
      wipe(0);
    },
    arrive() {
      root.classList.add("ready");
    },
    draw({ frame, state, words }) {
      put(badge, BADGES[state.overlay] || words);
      if (frame === shown) return;
      shown = frame;
      picture.drawImage(frame.bitmap, 0, 0, picture.canvas.width, picture.canvas.height);
      if (turn.classList.contains("pinned")) drawMini();
    },
  };
}
