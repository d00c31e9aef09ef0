// Panels by tabs: one at a time, in full width. Arrow keys walk along the tabs.
import { all, one } from "../dom.js";

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @returns {Panel & { open(name: string): void }}
 */
export function tabs(root, act) {
  const list = one(root, ".tabs");
  const buttons = all(list, "[role=tab]");
  const nameOf = (/** @type {HTMLElement} */ tab) => tab.id.slice(4);

  const open = (/** @type {string} */ name) => {
    if (buttons.find((tab) => nameOf(tab) === name)?.hidden) return;
    act.state.panel = name;
    for (const tab of buttons) {
      const on = nameOf(tab) === name;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      one(root, `#panel-${nameOf(tab)}`).classList.toggle("shown", on);
    }
    act.paint();
  };
  const shown = () => buttons.filter((tab) => !tab.hidden);

  for (const tab of buttons) {
    tab.addEventListener("click", () => {
      open(nameOf(tab));
      act.settled();
    });
  }
  list.addEventListener("keydown", (event) => {
    const here = shown();
    const from = here.findIndex((tab) => nameOf(tab) === act.state.panel);
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: here.length - 1 }[event.key];
    const next = to === undefined ? undefined : here.at(to % here.length);
    if (!next) return;
    event.preventDefault();
    open(nameOf(next));
    next.focus();
    act.settled();
  });
  open(act.state.panel);

  return {
    open,
    begin(film) {
      // nothing is offered that the model, or a page without a server, has not
      const server = !act.still;
      /** @type {Record<string, boolean>} */
      const there = {
        chance: server && (film.offers("seeds") || film.offers("mix")),
        compare: film.modes.length > 1 || !!film.original, // else there is but one pane
        needs: server && !act.here,
        play: film.info.ordered !== false, // rounds are counted in single tokens
      };
      for (const tab of buttons) tab.hidden = there[nameOf(tab)] === false;
      if (!shown().some((tab) => nameOf(tab) === act.state.panel)) open("explore");
    },
  };
}
