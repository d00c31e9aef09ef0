// Compare: one dial drives two to four panes, which share a photo, a divider, a zoom and two plots.
import { Beside } from "../beside.js";
import { all, one, put } from "../dom.js";
import { frameOf, unpack } from "../frames.js";
import { gestures } from "../gestures.js";
import { moved, placed, WHOLE, zoomed } from "../lens.js";
import { PaneBox } from "../panebox.js";
import { choices, coloursOf, exchanged, isCodec, MOST, panesOf } from "../panes.js";
import { points, seen } from "../seen.js";
import { Together } from "../together.js";

const NEARER = 1.5; // a press of a button
const ALONE =
  "A link brings tokens and no photo, so nothing else can encode it: here are its own model's panes.";
/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @param {Source} source
 * @returns {Panel & { plots: Together }}
 */
export function compare(root, act, source) {
  const panel = one(root, "#panel-compare");
  const row = one(panel, ".panes");
  const model = /** @type {HTMLTemplateElement} */ (one(panel, "template"));
  const panes = Array.from({ length: MOST }, (_, i) => new PaneBox(row, model, i + 1));
  const add = /** @type {HTMLButtonElement} */ (one(panel, ".add-pane"));
  const wiper = /** @type {HTMLInputElement} */ (one(panel, ".wipe-all"));
  const equals = /** @type {HTMLInputElement[]} */ (all(panel, "[name=equal]"));
  const plots = new Together(panel, MOST);
  let lens = WHOLE;
  let awake = false; // somebody looks
  let stale = true; // the curves lack something that is here
  let laid = ""; // what the boxes were last laid out for
  /** @type {string[]} */
  let names = [];
  /** @type {import("../together.js").Drawn[]} */
  let drawn = [];

  let there = false; // a phone's closed sheet hides the panel; asked here without laying anything out
  new ResizeObserver(([{ contentRect }]) => {
    there = contentRect.width > 0;
    act.paint();
  }).observe(panel);
  const open = () => there && act.state.panel === "compare" && !act.hidden();
  const needs = {
    source,
    state: act.state,
    main: () => act.film,
    names: () => (open() ? names : []),
    unpack,
    arrived() {
      stale = true;
      act.paint();
    },
  };
  const beside = new Beside(needs, frameOf);

  /** The panes that are asked for: what was chosen since the last picture of the page is not laid out yet. */
  const asked = () =>
    act.film && beside.models ? panesOf(act.state.panes, choices(act.film, beside.models)) : names;
  const choose = (/** @type {string[]} */ panes) => {
    act.change({ panes });
    act.settled();
  };

  const wipe = (/** @type {number} */ part) => {
    wiper.value = String(part);
    row.style.setProperty("--wipe", `${part}%`);
    row.classList.toggle("wiped", part > 0);
  };
  const look = (/** @type {import("../lens.js").Lens} */ next) => {
    lens = next;
    for (const [name, value] of Object.entries(placed(lens))) row.style.setProperty(name, value);
    row.classList.toggle("near", lens.zoom > 3);
  };
  gestures(row, ".pane-view", {
    wipe: (part) => act.film?.original && wipe(part),
    zoom: (factor, left, top) => look(zoomed(lens, factor, left, top)),
    move: (right, down) => look(moved(lens, right, down)),
    whole: () => look(WHOLE),
  });
  wiper.addEventListener("input", () => wipe(Number(wiper.value)));
  for (const button of /** @type {HTMLButtonElement[]} */ (all(panel, ".zoom"))) {
    const factor = { in: NEARER, out: 1 / NEARER }[button.value];
    button.addEventListener("click", () => look(factor ? zoomed(lens, factor) : WHOLE));
  }
  look(WHOLE);

  for (const radio of equals) {
    radio.addEventListener("change", () => {
      stale = true;
      act.change({ equal: radio.value === "bytes" ? "bytes" : "tokens" });
      act.settled();
    });
  }
  panes.forEach(({ name, away, stop }, i) => {
    stop.addEventListener("click", () => beside.stopOrGoOn(names[i]));
    name.addEventListener("change", () => choose(exchanged(asked(), i, name.value)));
    away.addEventListener("click", () => {
      const left = asked().filter((name) => name !== names[i]);
      choose(left);
      panes[Math.min(i, left.length - 1)].name.focus();
    });
  });
  add.addEventListener("click", () => {
    const shown = asked();
    const free = act.film && choices(act.film, beside.models ?? []).find(({ name }) => !shown.includes(name));
    if (free && shown.length < MOST) choose([...shown, free.name]);
  });

  /** @param {Film} film @param {Info[]} models */
  const lay = (film, models) => {
    const { state } = act;
    const options = choices(film, models);
    names = panesOf(state.panes, options);
    const colours = coloursOf(names, film, state.mode, models);
    const now = JSON.stringify([film.token, names, options, colours]);
    for (const radio of equals) radio.checked = radio.value === state.equal;
    if (now === laid) return;
    laid = now;
    stale = true;
    row.style.setProperty("--count", String(names.length));
    panes.forEach((pane, i) => {
      pane.lay(names, options, colours[i]);
    });
    add.disabled = names.length === Math.min(MOST, options.length);
    put(one(panel, ".only"), film.original ? "" : ALONE);
    drawn = names.map((name, i) => ({
      title: options.find((one) => one.name === name)?.title ?? name,
      colour: colours[i],
      scale: film.scale,
      points: [],
    }));
    plots.name(drawn, film);
    beside.go();
  };

  /** @param {Film} film @param {boolean} turning */
  const fill = (film, turning) => {
    names.forEach((name, i) => {
      const pane = panes[i];
      const what = seen(beside, name);
      const other = isCodec(name) ? film : (beside.filmOf(name) ?? film);
      Object.assign(drawn[i], { frame: what.frame, scale: other.scale });
      if (pane.sight.now || !turning) pane.draw(what, !isCodec(name) && other.modes.length > 1);
    });
  };

  const measure = () => {
    stale = false;
    names.forEach((name, i) => {
      drawn[i].points = points(beside, name, plots.measure);
    });
    plots.show(drawn, act.state.equal);
  };
  plots.measures.addEventListener("input", measure);
  one(panel, ".panes-spectrum-png").addEventListener("click", () => {
    plots.spectra.save("panes-spectrum.png", `Detail at ${act.state.k} tokens, coarse to fine`);
  });
  one(panel, ".panes-curves-png").addEventListener("click", () => {
    plots.curves.save(
      "panes-curves.png",
      `Nearness to the photo by ${act.state.equal}: ${plots.measure.name}`,
    );
  });

  return {
    plots,
    begin(film) {
      beside.begin();
      awake = false;
      laid = "";
      add.disabled = true; // until it is known which panes there can be
      wipe(0);
      look(WHOLE);
      for (const pane of panes) pane.begin(film.original);
    },
    arrive() {
      stale = true;
      if (awake) beside.go();
    },
    draw({ film, state, turning }) {
      if (!open()) {
        awake = false;
        return;
      }
      if (!turning) {
        beside.list();
        if (beside.models) lay(film, beside.models);
        if (stale) measure();
        if (!awake) beside.go();
        awake = true;
      }
      fill(film, turning);
      plots.draw(drawn, film, state.equal === "bytes" ? film.bytesOf(state.k) : state.k, turning);
    },
    settle() {
      if (!awake) return;
      beside.retry();
      beside.list();
      beside.go();
    },
  };
}
