// How many tokens does it need? Several pictures, each of which stops by itself, sorted by need.
import { one, pictureAddress, put } from "../dom.js";
import { Asker, besides, CRITERIA, inWords, MOST, needed, OURS, sorted, together } from "../needs.js";
import { shrunk } from "../shrink.js";
import { askOrSay } from "../source.js";

/** @typedef {import("../needs.js").Row} Row */

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @param {Source} source
 * @returns {Panel}
 */
export function needs(root, act, source) {
  const panel = one(root, "#panel-needs");
  const criterion = /** @type {HTMLSelectElement} */ (one(panel, ".criterion"));
  const threshold = /** @type {HTMLInputElement} */ (one(panel, ".threshold"));
  const files = /** @type {HTMLInputElement} */ (one(panel, "[type=file]"));
  const [said, list, away] = [".n-needs", ".needed", ".none"].map((name) => one(panel, name));
  /** @type {Row[]} */
  let rows = [];
  /** @type {Choice[]} */
  let models = [];
  let names = ["", ""]; // the film's model, and the one beside it

  const titleOf = (/** @type {string} */ name) => models.find((each) => each.name === name)?.title ?? name;

  /** @param {string} webp @param {string} words */
  const framed = (webp, words) => {
    const figure = document.createElement("figure");
    const caption = Object.assign(document.createElement("figcaption"), { textContent: words });
    const image = webp ? Object.assign(new Image(), { src: pictureAddress(webp), alt: "" }) : null;
    figure.append(image ?? Object.assign(document.createElement("i"), { className: "waits" }), caption);
    return figure;
  };

  const line = (/** @type {Row} */ row) => {
    const item = document.createElement("li");
    const name = Object.assign(document.createElement("h4"), { textContent: row.name });
    item.append(name);
    if (row.error) {
      item.append(Object.assign(document.createElement("p"), { className: "wrong", textContent: row.error }));
      return item;
    }
    const pictures = Object.assign(document.createElement("div"), { className: "trio" });
    pictures.append(framed(row.original ?? "", "the picture"));
    for (const model of names.filter(Boolean)) {
      const found = row.of[model];
      pictures.append(framed(found?.webp ?? "", found ? needed(found.need) : "…"));
    }
    item.append(pictures);
    return item;
  };

  const show = () => {
    const { more } = CRITERIA[criterion.value];
    list.replaceChildren(...sorted(rows, names[0], more).map(line));
    away.hidden = !rows.length;
    const parts = names.filter(Boolean).map((name) => [titleOf(name), together(rows, name)]);
    const words = parts
      .filter(([, found]) => found)
      .map(([title, found], i) => `${["In the middle", "On the right"][i]}: ${title}. ${found}.`);
    put(said, words.join("\n"));
  };

  const asker = new Asker((question) => askOrSay(source, question), show);
  const start = () => {
    if (!rows.length) return;
    const until = { criterion: criterion.value, threshold: Number(threshold.value) };
    asker.start(rows, names.filter(Boolean), until);
  };

  const tell = () =>
    put(one(panel, ".n-threshold"), inWords(CRITERIA[criterion.value], Number(threshold.value)));
  const choose = () => {
    const { range, usual } = CRITERIA[criterion.value];
    [threshold.min, threshold.max, threshold.step] = range.map(String);
    threshold.value = String(usual);
    tell();
  };
  criterion.append(...Object.entries(CRITERIA).map(([value, { name }]) => new Option(name, value)));
  criterion.addEventListener("change", () => {
    choose();
    start();
  });
  threshold.addEventListener("input", tell);
  threshold.addEventListener("change", start);
  choose();

  one(panel, ".ours").addEventListener("click", () => {
    rows = OURS.map((name) => ({ name, ask: async () => ({ ours: name }), of: {} }));
    start();
  });

  /** A file is sent when its turn comes, and once. */
  const sent = (/** @type {File} */ file) => {
    /** @type {Promise<string> | undefined} */
    let path;
    return async () => {
      path ??= shrunk(file).then((small) => source.upload?.(small, () => {}) ?? "");
      return { path: await path };
    };
  };
  const bring = (/** @type {File[]} */ some) => {
    if (!some.length) return;
    const own = some.slice(0, MOST).map((file) => ({ name: file.name, ask: sent(file), of: {} }));
    rows = own;
    start();
    if (some.length > MOST)
      act.say(`These are the first ${MOST} of ${some.length}: more are too many at once.`, false, 8000);
  };
  files.addEventListener("change", () => {
    bring([...(files.files ?? [])]);
    files.value = "";
  });
  one(panel, ".several").addEventListener("click", () => files.click());
  away.addEventListener("click", () => {
    asker.stop();
    rows = [];
    show();
  });
  panel.addEventListener("dragover", (event) => {
    event.preventDefault();
    panel.classList.add("over");
  });
  panel.addEventListener("dragleave", () => panel.classList.remove("over"));
  panel.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation(); // elsewhere on the page one photo is the film's
    panel.classList.remove("over");
    bring([...(event.dataTransfer?.files ?? [])]);
  });

  return {
    begin(film, start_) {
      models = start_.models ?? [];
      const next = [film.info.name, besides(models, film.info.name)];
      if (next.join() === names.join()) return;
      names = next;
      start();
    },
  };
}
