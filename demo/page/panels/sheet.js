// On a phone the panels are a sheet at the bottom, under a small picture and dial: tapped or pulled open. A link
// into a panel chooses its tab and leaves the sheet closed: what it shows is on the picture, and more is below it.
import { one } from "../dom.js";
import { isTap, opens } from "../snap.js";

const PHONE = "(max-width: 599px), (max-width: 999px) and (max-height: 500px)"; // as sheet.css has it

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @returns {Panel}
 */
export function sheet(root, act) {
  const side = one(root, ".side");
  const grip = one(side, ".grip");
  const phone = matchMedia(PHONE);
  const isOpen = () => root.classList.contains("sheeted");
  let scrolled = 0; // where the page was
  /** @type {{ from: number, height: number, y: number, time: number, speed: number } | null} */
  let finger = null;
  let pulled = false; // a finger that moved makes no click

  const show = (/** @type {boolean} */ on) => {
    const next = on && phone.matches;
    if (next === isOpen()) return;
    if (next) scrolled = scrollY;
    root.classList.toggle("sheeted", next);
    grip.setAttribute("aria-expanded", String(next));
    if (!next) scrollTo({ top: scrolled, behavior: "instant" });
  };
  const letGo = () => {
    finger = null;
    side.style.height = "";
    root.classList.remove("pulling");
  };

  grip.addEventListener("pointerdown", ({ button, pointerId, clientY: y, timeStamp: time }) => {
    if (button) return;
    grip.setPointerCapture(pointerId);
    finger = { from: y, height: side.offsetHeight, y, time, speed: 0 };
    pulled = false;
  });
  grip.addEventListener("pointermove", ({ clientY: y, timeStamp: time }) => {
    if (!finger || (isTap(y - finger.from) && !pulled)) return;
    pulled = true;
    root.classList.add("pulling");
    const speed = (finger.y - y) / Math.max(1, time - finger.time);
    Object.assign(finger, { y, time, speed });
    side.style.height = `${finger.height + finger.from - y}px`;
  });
  grip.addEventListener("pointerup", ({ clientY }) => {
    const last = finger;
    letGo();
    if (last && pulled) show(opens(isOpen(), last.from - clientY, last.speed, innerHeight));
  });
  grip.addEventListener("pointercancel", letGo);
  grip.addEventListener("click", () => {
    if (!pulled) show(!isOpen());
    pulled = false;
  });
  one(side, ".tabs").addEventListener("click", () => show(true));
  one(root, ".lecturing").addEventListener("click", () => show(false));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !isOpen()) return;
    if (root.querySelector(".word:popover-open")) return; // it closes first
    show(false);
    grip.focus();
  });
  phone.addEventListener("change", () => show(false));

  return {
    begin() {
      if (!act.hidden()) return;
      scrolled = 0;
      show(false); // a round has the page for itself
    },
  };
}
