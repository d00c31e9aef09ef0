// What the tokens leave open: pictures of other seeds, where they differ, and two photos mixed.
import { one, pen, pictureAddress, put, sheet } from "../dom.js";
import { tokens } from "../lengths.js";
import { deviations, FULL, shade } from "../spread.js";

const SEEDS = 8; // the first one among them
const SIDE = 256; // of the map

/**
 * A picture; its name stands below it.
 * @param {string} webp
 */
async function loaded(webp) {
  const picture = Object.assign(new Image(), { src: pictureAddress(webp), alt: "" });
  await picture.decode();
  return picture;
}

/**
 * Who gave which tokens of a mix: a small photo, a name, and a stretch of the row.
 * @param {Given} given
 */
function donor({ name, tokens: stretch, webp }) {
  const box = document.createElement("span");
  const words = document.createElement("span");
  put(words, `${name}: ${stretch}`);
  if (webp) box.append(Object.assign(new Image(), { src: pictureAddress(webp), alt: "" }));
  box.append(words);
  return box;
}

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @returns {Panel}
 */
export function chance(root, act) {
  const panel = one(root, "#panel-chance");
  const [words, grid, mixes] = [".n-chance", ".seed-grid", ".mixes"].map((name) => one(panel, name));
  const [seeds, mix, back] = [".seeds", ".mix", ".first-seed"].map((name) => one(panel, name));
  const box = one(panel, ".open-on");
  const map = pen(one(root, ".doubt"));
  const legend = one(root, ".legend");
  const first = act.state.seed;
  /** @type {Map<string, HTMLImageElement>} pictures of the present film, by length, steps and seed */
  let known = new Map();
  let run = 0; // another photo, or another thing that is asked for, ends this one
  let open = ""; // "seeds", "mix"
  let mapped = ""; // what the map is of
  let sought = ""; // what pictures are being painted for
  let before = ""; // the film that was here before
  let present = "";
  put(one(legend, "span"), `${FULL} of 255 apart`);

  const key = () => [act.film?.token, act.state.k, act.state.steps].join();

  const show = (/** @type {string} */ what) => {
    open = what;
    seeds.setAttribute("aria-expanded", String(what === "seeds"));
    mix.setAttribute("aria-expanded", String(what === "mix"));
    if (what !== "seeds") grid.replaceChildren();
    if (what !== "mix") mixes.replaceChildren();
  };
  const mark = () => {
    back.hidden = act.state.seed === first;
    for (const button of grid.children) {
      button.setAttribute("aria-pressed", String(Number(button.getAttribute("value")) === act.state.seed));
    }
  };
  const adopt = (/** @type {number} */ seed) => {
    if (act.state.mode !== "sample") act.mode("sample");
    act.retake(act.state.steps, seed);
    root.dispatchEvent(new Event("seed")); // the form around the dial shows it, too
    mark();
    act.settled();
  };

  const offer = (/** @type {HTMLImageElement} */ picture, /** @type {number} */ seed) => {
    const button = Object.assign(document.createElement("button"), { type: "button", value: String(seed) });
    const name = document.createElement("span");
    put(name, `Seed ${seed}`);
    button.append(picture, name);
    button.addEventListener("click", () => adopt(seed));
    grid.append(button);
    mark();
  };

  /** The pictures of all seeds at this length, one by one; nothing if something else was asked for meanwhile. */
  const paint = async () => {
    run += 1;
    const mine = run;
    const { k } = act.state;
    sought = key();
    if (open === "seeds") grid.replaceChildren();
    const pictures = [];
    for (let n = 0; n < SEEDS; n++) {
      const seed = (first + n) % 2 ** 31;
      const at = `${sought},${seed}`;
      put(words, `Painting seed ${n + 1} of ${SEEDS} at ${tokens(k)} …`);
      const got = known.has(at) ? {} : await act.view("seeds", { k, n, seed: first });
      if (mine !== run) return;
      if (got.webp) known.set(at, await loaded(got.webp));
      if (mine !== run) return;
      const picture = known.get(at);
      if (!picture) return put(words, got.error ?? "");
      pictures.push(picture);
      if (open === "seeds") offer(picture, seed);
    }
    drawMap(pictures);
    put(
      words,
      `${SEEDS} seeds at ${tokens(k)}.${open === "seeds" ? " Press one, and the dial shows it." : ""}`,
    );
    act.paint();
  };

  const drawMap = (/** @type {HTMLImageElement[]} */ pictures) => {
    const { brush } = sheet(SIDE, SIDE, { willReadFrequently: true });
    const apart = deviations(
      pictures.map((picture) => {
        brush.drawImage(picture, 0, 0, SIDE, SIDE);
        return brush.getImageData(0, 0, SIDE, SIDE).data;
      }),
    );
    map.putImageData(new ImageData(shade(apart), SIDE), 0, 0);
    mapped = sought;
  };

  const blend = async () => {
    run += 1;
    const mine = run;
    const { k } = act.state;
    sought = "";
    /** @type {HTMLElement[]} */
    const boxes = [];
    for (const n of [0, 1]) {
      put(words, "A moment …");
      const got = await act.view("mix", { k, n, of: before });
      if (mine !== run) return;
      if (!got.webp) return put(words, got.error ?? "");
      const figure = document.createElement("figure");
      const names = document.createElement("figcaption");
      names.append(...(got.given ?? []).map(donor));
      figure.append(await loaded(got.webp), names);
      if (mine !== run) return;
      boxes.push(figure);
    }
    mixes.replaceChildren(...boxes);
    put(words, `At ${tokens(k)}. Turn the dial: whose picture is it?`);
  };

  const wanted = () => act.state.overlay === "open" && !act.still && !!act.film?.offers("seeds");
  seeds.addEventListener("click", () => {
    if (!act.film) return;
    const again = open === "seeds" && sought === key();
    show(again ? "" : "seeds");
    if (again) put(words, "");
    else paint();
  });
  mix.addEventListener("click", () => {
    if (!act.film) return;
    show(open === "mix" ? "" : "mix");
    if (open) return blend();
    run += 1; // what is on its way is not wanted any more
    put(words, "");
  });
  back.addEventListener("click", () => adopt(first));
  box.addEventListener("change", () => wanted() && mapped !== key() && paint());

  return {
    begin(film) {
      run += 1;
      known = new Map();
      before = present;
      present = film.token;
      mapped = "";
      sought = "";
      show("");
      put(words, "");
      seeds.hidden = act.still || !film.offers("seeds");
      panel.classList.toggle("noseeds", seeds.hidden);
      mix.hidden = act.still || !film.offers("mix");
    },
    arrive() {
      mark();
      if (wanted() && !sought && act.film?.told.tokens) paint(); // a link said so
    },
    settle() {
      if (wanted() && mapped !== key() && sought !== key()) paint();
      else if (open === "mix") blend(); // quick enough to follow the dial
    },
    draw({ state }) {
      const on = state.overlay === "open" && mapped === key();
      root.classList.toggle("doubting", on);
      legend.hidden = !on;
    },
  };
}
