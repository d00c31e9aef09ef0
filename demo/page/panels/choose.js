// How a photo comes: an example, or a file that is chosen, pasted or dropped; and which kind of picture is shown.
import { hear } from "../brought.js";
import { all, one, put } from "../dom.js";
import { shrunk } from "../shrink.js";

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @param {Source} source
 * @param {(hash: URLSearchParams) => unknown} visit go where a link of the words says
 * @returns {Panel}
 */
export function choose(root, act, source, visit) {
  const input = /** @type {HTMLInputElement} */ (one(root, "#choose [type=file]"));
  const progress = /** @type {HTMLProgressElement} */ (one(root, ".sending"));
  const coming = /** @type {HTMLImageElement} */ (one(root, ".coming"));
  const examples = /** @type {HTMLButtonElement[]} */ (all(root, "#examples button"));
  const modes = /** @type {HTMLInputElement[]} */ (all(root, "#mode input"));

  /** The photo is on the screen at once, then it goes to the server. */
  const send = async (/** @type {File | undefined} */ file) => {
    const { upload } = source;
    if (!file) return;
    if (!upload) return act.say("This page has examples and no server: a photo of your own needs one.", true);
    const picture = URL.createObjectURL(file);
    coming.src = picture;
    progress.value = 0;
    const told = (/** @type {number} */ part) => {
      if (coming.src !== picture) return; // another one is on its way
      progress.value = part;
      act.say(
        part < 1 ? `Sending your photo: ${Math.round(100 * part)} %` : "Reading your photo…",
        false,
        Infinity,
      );
    };
    const question = async (/** @type {() => boolean} */ wanted) => ({
      from: "upload",
      path: await upload(act.here ? file : await shrunk(file), told, wanted),
    });
    await act.open(question, act.here ? "Reading your photo…" : "Sending your photo…");
    URL.revokeObjectURL(picture);
  };

  input.addEventListener("change", () => {
    send(input.files?.[0]);
    input.value = ""; // the same file may be chosen again
  });
  one(root, "#upload").addEventListener("click", () => input.click());
  hear({ send, visit, say: (words) => act.say(words, true) });
  for (const button of examples) {
    button.addEventListener("click", () => act.open({ from: "example", photo: button.value }));
  }

  for (const radio of modes) {
    radio.checked = radio.value === act.state.mode;
    radio.addEventListener("change", () => {
      act.mode(/** @type {Mode} */ (radio.value));
      act.settled();
    });
  }

  const clicked = (/** @type {MouseEvent} */ event) => {
    const target = /** @type {Element} */ (event.target);
    const link = /** @type {HTMLAnchorElement | null} */ (target.closest?.('a[href^="#k="]'));
    if (!link) return;
    event.preventDefault();
    event.stopPropagation();
    visit(new URLSearchParams(link.hash.slice(1)));
  };
  document.addEventListener("click", clicked, true); // captured: Gradio's own handler scrolls to the top

  return {
    draw({ film, state }) {
      const kind = film.kind(state.mode);
      for (const radio of modes) if (!radio.checked) radio.checked = radio.value === kind;
    },
    begin(film, start) {
      put(one(root, ".credit"), start.credit);
      root.classList.toggle("onemode", film.modes.length < 2);
      root.classList.toggle("nosample", !film.modes.includes("sample"));
      root.classList.toggle("nosharp", !film.modes.includes("sharp"));
      for (const radio of modes) {
        const label = /** @type {HTMLLabelElement} */ (radio.closest("label"));
        label.hidden = !film.modes.includes(/** @type {Mode} */ (radio.value));
      }
      for (const button of examples) {
        button.setAttribute("aria-pressed", String(button.value === film.example));
      }
    },
  };
}
