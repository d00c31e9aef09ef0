// The scenes as a lecture: large, by arrow keys, with a pause to guess before each answer.
import { all, one, pen, put } from "../dom.js";
import { Lecture } from "../lecture.js";

const QUIET = 4; // cells of white around a QR code

/**
 * @param {HTMLCanvasElement} canvas
 * @param {string} text
 */
async function drawCode(canvas, text) {
  const { generate } = await import("../vendor/lean-qr.mjs");
  const code = generate(text);
  const side = code.size + 2 * QUIET;
  Object.assign(canvas, { width: side, height: side });
  const brush = pen(canvas);
  brush.fillStyle = "#fff";
  brush.fillRect(0, 0, side, side);
  brush.fillStyle = "#000";
  for (let y = 0; y < code.size; y++) {
    for (let x = 0; x < code.size; x++) if (code.get(x, y)) brush.fillRect(x + QUIET, y + QUIET, 1, 1);
  }
}

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @param {(hash: URLSearchParams) => Promise<void>} visit
 * @returns {Panel}
 */
export function lecture(root, act, visit) {
  const cards = all(root, ".scene");
  const room = one(root, ".lecture");
  const parts = [".where", ".asked", ".answer"].map((name) => one(room, name));
  const code = /** @type {HTMLCanvasElement} */ (one(room, ".code"));
  const stage = one(root, ".stage");
  const photo = (/** @type {boolean} */ on) => stage.classList.toggle("peek", on && !!act.film?.original);
  const button = one(root, ".lecturing");
  /** @type {Lecture | null} */
  let now = null;
  let coded = "";

  const draw = async () => {
    if (!now) return;
    const { scene, where, answered } = now;
    const words = [where, scene.ask, answered ? scene.words : ""];
    parts.forEach((part, i) => {
      put(part, words[i]);
    });
    root.classList.toggle("answered", answered);
    photo(false); // a question's photo would be its answer
    await visit(new URLSearchParams(now.state));
    const address = act.address(true);
    if (address === coded) return;
    coded = address;
    const fits = await drawCode(code, address).catch(() => false);
    code.hidden = fits === false; // a photo of one's own may be too long for a code
  };
  const move = (/** @type {number} */ by) => {
    if (now?.move(by)) draw();
  };
  const end = () => {
    if (!now) return;
    now = null;
    coded = "";
    photo(false);
    room.hidden = true;
    root.classList.remove("lecturing-now");
    if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
    button.setAttribute("aria-expanded", "false");
    button.focus();
  };
  const begin = async () => {
    const told = cards.map((card) => ({
      name: card.id.slice(6),
      title: one(card, "h3").textContent ?? "",
      words: one(card, "p").textContent ?? "",
      ask: card.dataset.ask ?? "",
      before: card.dataset.before ?? "",
      after: card.dataset.reveal ?? "",
    }));
    now = new Lecture(told);
    room.hidden = false;
    root.classList.add("lecturing-now");
    button.setAttribute("aria-expanded", "true");
    await document.documentElement.requestFullscreen?.().catch(() => {}); // a frame may not be allowed to
    one(room, ".on").focus();
    draw();
  };

  button.addEventListener("click", begin);
  one(room, ".on").addEventListener("click", () => move(1));
  one(room, ".back").addEventListener("click", () => move(-1));
  one(room, ".leave").addEventListener("click", end);
  document.addEventListener("fullscreenchange", () => document.fullscreenElement || end());
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (!now || event.target === one(root, ".range")) return;
    const way = { ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1 }[event.key];
    if (way) move(way);
    else if (event.key === "Escape") end();
    else if (event.key.toLowerCase() === "p") photo(!stage.classList.contains("peek"));
    else return;
    event.preventDefault();
  };
  document.addEventListener("keydown", keys);
  return {};
}
