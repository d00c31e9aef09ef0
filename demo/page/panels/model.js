// Which model: a plain list on the first screen. Photo and crop stay.
import { one } from "../dom.js";

const OTHERS = "Others, to compare";

/**
 * The list's groups, none of them empty: main models first.
 * @param {Choice[]} models
 * @returns {[string, Choice[]][]}
 */
export function groups(models) {
  const main = models.filter((each) => each.role === "main");
  const rest = models.filter((each) => each.role !== "main");
  return /** @type {[string, Choice[]][]} */ ([
    ["Models", main],
    [OTHERS, rest],
  ]).filter(([, some]) => some.length);
}

/**
 * The question that brings the film that is shown by another model.
 * @param {Film} film
 * @param {string} name
 */
export function byModel(film, name) {
  const same = film.example ? { from: "example", photo: film.example } : { from: "again", token: film.token };
  return { ...same, model: name };
}

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @returns {Panel}
 */
export function model(root, act) {
  const select = /** @type {HTMLSelectElement} */ (one(root, ".model"));
  let laid = "";

  select.addEventListener("change", async () => {
    if (!act.film) return;
    await act.open(byModel(act.film, select.value), "The other model reads the photo…");
    select.value = act.film.info.name; // it may have been refused
    act.settled(); // the address names it
  });

  const lay = (/** @type {Choice[]} */ models) => {
    const names = models.map((each) => each.name).join();
    if (names === laid) return;
    laid = names;
    select.replaceChildren(
      ...groups(models).map(([label, some]) => {
        const group = Object.assign(document.createElement("optgroup"), { label });
        group.append(...some.map((each) => new Option(each.title, each.name)));
        return group;
      }),
    );
  };

  return {
    begin(film, { models = [] }) {
      lay(models);
      select.hidden = models.length < 2;
      select.value = film.info.name;
    },
  };
}
