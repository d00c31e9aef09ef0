// What a visitor is asked before a model is fetched, and how far it has come.
import { one, put } from "../dom.js";

const STAYS = 8000; // ms that good news stay
const LITTLE =
  "This device has little memory: the browser may close the page while the model is at work. The examples need none.";

const HTML = `
<form method="dialog">
  <h2>Fetch the model?</h2>
  <p class="why"></p>
  <p><b class="n-size"></b>, fetched once and kept in this browser. Nothing is sent anywhere.</p>
  <p class="little" hidden></p>
  <p class="acts">
    <button class="plain yes" value="yes">Fetch it</button>
    <button class="plain" value="no">Not now</button>
  </p>
</form>`;

/**
 * @param {HTMLElement} root the dial
 * @returns {import("./source.js").Offer}
 */
export function offer(root) {
  const box = Object.assign(document.createElement("dialog"), { className: "offer", innerHTML: HTML });
  box.setAttribute("aria-label", "Fetch the model?");
  const line = Object.assign(document.createElement("div"), { className: "bringing", hidden: true });
  const [words, bar] = [document.createElement("span"), document.createElement("progress")];
  words.setAttribute("role", "status");
  bar.setAttribute("aria-label", "Fetching the model");
  line.append(words, bar);
  root.append(line, box);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let over;

  const show = (/** @type {string} */ text, /** @type {number | null} */ part) => {
    clearTimeout(over);
    line.hidden = !text;
    bar.hidden = part === null;
    bar.value = part ?? 0;
    put(words, text);
  };

  return {
    ask({ why, size, little }) {
      put(one(box, ".why"), why);
      put(one(box, ".n-size"), size);
      put(one(box, ".little"), little ? LITTLE : "");
      one(box, ".little").hidden = !little;
      box.returnValue = "no"; // what Escape says
      box.showModal();
      return new Promise((done) => {
        box.addEventListener("close", () => done(box.returnValue === "yes"), { once: true });
      });
    },
    came(part) {
      const percent = Math.floor(100 * part);
      show(part < 1 ? `Fetching the model: ${percent} %` : "Starting the model…", Math.min(1, part));
    },
    over(why) {
      show(why, null);
      over = setTimeout(() => show("", null), STAYS);
    },
  };
}
