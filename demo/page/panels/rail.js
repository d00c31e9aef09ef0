// The dial: a logarithmic rail for the finger over a native range for keyboard and screen reader.
import { one, pen, put } from "../dom.js";
import { beside, Scale, tokens } from "../lengths.js";

const BEFORE = Array.from({ length: 257 }, (_, k) => k); // what is drawn while there is no film
const SIDE = 36; // of a picture in the film strip

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @returns {Panel}
 */
export function rail(root, act) {
  const track = one(root, ".rail");
  const range = /** @type {HTMLInputElement} */ (one(root, ".range"));
  const fill = one(root, ".fill");
  const thumb = one(root, ".thumb");
  const [label, unit] = [".n-k", ".n-tokens"].map((name) => one(root, name));
  const strip = pen(one(root, ".filmstrip"));
  const marks = one(root, ".marks");
  let scale = new Scale(BEFORE);
  /** @type {DOMRect | null} where the rail is, measured when it is touched */
  let box = null;

  const speak = (/** @type {number} */ k) => {
    range.value = String(k);
    range.setAttribute("aria-valuetext", tokens(k));
  };
  const drag = (/** @type {PointerEvent} */ event) => {
    if (!box) return;
    act.turn(scale.at((event.clientX - box.left) / box.width), "drag");
  };

  track.addEventListener("pointerdown", (event) => {
    if (!act.film || event.button) return;
    box = track.getBoundingClientRect();
    track.setPointerCapture(event.pointerId);
    range.focus({ preventScroll: true });
    drag(event);
    event.preventDefault();
  });
  track.addEventListener("pointermove", (event) => {
    if (track.hasPointerCapture(event.pointerId)) drag(event);
  });
  for (const type of ["pointerup", "pointercancel"]) {
    track.addEventListener(type, () => {
      box = null;
      speak(act.state.k);
      act.paint();
      act.settled();
    });
  }

  const turnTo = (/** @type {number} */ k) => {
    act.turn(k);
    speak(act.state.k); // at once: the next key starts from here
    act.settled();
  };
  range.addEventListener("input", () => {
    const [from, to] = [act.state.k, Number(range.value)];
    range.value = String(from);
    const step = Math.abs(to - from) === 1; // a screen reader's; where few lengths are allowed it goes to the next
    turnTo(step ? beside(scale.lengths, from, to - from) : to);
  });
  range.addEventListener("keydown", (event) => {
    const film = act.film;
    if (!film) return;
    const { k } = act.state;
    const arrow = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    const page = { PageUp: 1, PageDown: -1 }[event.key]; // along the ladder
    const end = { Home: scale.first, End: scale.top }[event.key];
    const way = arrow ?? page;
    if (!way && end === undefined) return;
    event.preventDefault();
    turnTo(way ? beside(page ? film.ladder : film.lengths, k, way) : Number(end));
  });

  const show = (/** @type {number} */ k) => {
    const place = scale.place(k);
    fill.style.transform = `scaleX(${place})`;
    thumb.style.transform = `translateX(${place * 100}%)`;
    put(label, String(k));
    put(unit, k === 1 ? "token" : "tokens");
  };

  const lay = () => {
    const spans = scale.marks().map((k) => {
      const span = document.createElement("span");
      span.textContent = String(k);
      span.style.left = `${scale.place(k) * 100}%`;
      return span;
    });
    marks.replaceChildren(...spans);
    range.min = String(scale.first);
    range.max = String(scale.top);
    speak(act.state.k);
    show(act.state.k);
  };

  /** What each mark stands for, under it; a bold mark is there. */
  const drawStrip = () => {
    const { canvas } = strip;
    const ratio = devicePixelRatio;
    const room = canvas.clientWidth - SIDE;
    const side = Math.min(SIDE, room * 0.072);
    Object.assign(canvas, { width: canvas.clientWidth * ratio, height: SIDE * ratio });
    strip.scale(ratio, ratio);
    strip.imageSmoothingQuality = "high";
    const film = act.film;
    if (!film) return;
    for (const span of marks.children) {
      const k = Number(span.textContent);
      const frame = film.still(k, act.state.mode);
      span.classList.toggle("has", !!frame);
      if (frame) strip.drawImage(frame.bitmap, SIDE / 2 + scale.place(k) * room - side / 2, 0, side, side);
    }
  };
  new ResizeObserver(drawStrip).observe(strip.canvas);
  lay();

  return {
    begin(film) {
      scale = new Scale(film.lengths);
      lay();
    },
    arrive() {
      range.disabled = false;
      drawStrip();
    },
    draw({ state, turning }) {
      show(state.k);
      // under a finger nobody listens, and touching the range costs layout
      if (!turning && Number(range.value) !== state.k) speak(state.k);
    },
  };
}
