// The switch *decode on my machine*: in the settings, and in the status line where the server keeps a visitor waiting.
import { inLine, one, put } from "../dom.js";

const NAME = "Decode on my machine";
const OFF = "Your browser fetches the model once; then your photos stay on this machine.";
const ON = "Your photos stay on this machine.";
const BACK = "The server decodes again. A photo that came meanwhile stays on your machine.";
const STAYS = 8000; // ms that the status line says so

const HTML = `
<label><input type="checkbox" aria-describedby="on-machine"> ${NAME}</label>
<p id="on-machine"></p>`;

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @param {import("../switch.js").Machine | undefined} machine undefined: there is but one source
 * @param {() => Promise<unknown> | undefined} moved the film that is shown goes on with the other source
 * @returns {Panel & { row: HTMLElement | null, offer(film: Film | null): HTMLElement | null }}
 */
export function machine(root, act, machine, moved) {
  const show = () => root.classList.toggle("here", act.here);
  show();
  if (!machine) return { row: null, offer: () => null };

  const row = Object.assign(document.createElement("div"), { className: "machine", innerHTML: HTML });
  const box = /** @type {HTMLInputElement} */ (one(row, "input"));
  const tell = () => {
    box.checked = machine.on;
    put(one(row, "p"), machine.on ? ON : OFF);
    show();
  };

  /** @param {boolean} on @param {HTMLElement} [from] what was pressed */
  const turn = async (on, from) => {
    box.disabled = true;
    const why = await machine.turn(on);
    box.disabled = false;
    if (from === box && !row.isConnected) one(root, ".settings").focus(); // the question closed the form
    tell();
    if (why) return act.say(why, false, STAYS);
    await moved();
    act.say(on ? ON : BACK, false, STAYS);
  };
  box.addEventListener("change", () => turn(box.checked, box));
  const button = inLine(NAME.toLowerCase(), () => turn(true));

  /** Whether a server is slow, or full, whose model this machine could run. */
  const waits = (/** @type {Film | null} */ film) => {
    if (machine.on || !machine.runs(film?.info.name ?? act.state.model)) return false;
    return machine.busy || !!(film?.wait && !film.done);
  };
  tell();
  return {
    row,
    offer: (film) => (waits(film) ? button : null),
    begin(film) {
      row.hidden = !machine.on && !machine.runs(film.info.name);
      tell();
    },
  };
}
