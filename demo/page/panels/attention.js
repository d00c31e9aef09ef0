// Where a token looked, in any layer; and for a place of the picture, which tokens looked there.
import { one, pen, put, sight } from "../dom.js";
import { bytes } from "../tokens.js";

const DARK = 225; // of 255: how much the least looked at is dimmed

/**
 * How bright each place is, 0..1: by its rank, so that a map is never all black. Equal values are equally bright.
 * @param {Uint8Array} map
 */
export function ranks(map) {
  const sorted = Uint8Array.from(map).sort();
  const last = Math.max(1, sorted.length - 1);
  /** @type {Map<number, number>} */
  const at = new Map();
  sorted.forEach((value, i) => {
    at.set(value, i / last);
  });
  return Array.from(map, (value) => at.get(value) ?? 0);
}

/**
 * The layers whose maps can be asked for, or those that are stored.
 * @param {Film} film
 * @param {Told} told
 * @param {boolean} still
 */
export function layersOf(film, told, still) {
  if (still) return (told.layers ?? []).map((row) => row[0]);
  const ways = /** @type {("read" | "write")[]} */ (["read", "write"]);
  return ways.flatMap((way) => {
    const count = film.layers(way);
    return Array.from({ length: count }, (_, i) => `${way}, layer ${i + 1} of ${count}`);
  });
}

/**
 * A layer for people: "read" is the encoder's, "write" the decoder's.
 * @param {string} name as it is asked for
 */
export const inWords = (name) => name.replace("read", "as it was made").replace("write", "as it is painted");

/**
 * The code whose maps belong to a place of the dial; 0 where all lengths share one set.
 * @param {Film} film
 * @param {number} k
 */
export const codeOf = (film, k) => (film.info.ordered === false ? k : 0);

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @returns {Panel}
 */
export function attention(root, act) {
  const stage = one(root, ".stage");
  const panel = one(root, ".look");
  const map = pen(one(root, ".att")); // over the picture, where there is no room for the photo beside it
  const spot = pen(one(root, ".spot")); // over the photo
  const pick = /** @type {HTMLInputElement} */ (one(root, ".pick"));
  const follow = /** @type {HTMLInputElement} */ (one(root, ".follow"));
  const layer = /** @type {HTMLSelectElement} */ (one(root, ".layer"));
  const bars = one(root, ".bars");
  const [held, needle] = [".held", ".needle"].map((name) => one(root, name));
  const [label, share, mass, seen] = ["token", "share", "mass", "seen"].map((name) =>
    one(root, `.n-${name}`),
  );
  const inSight = sight(panel);
  /** @type {Uint8Array | null} */
  let maps = null;
  /** @type {number[]} */
  let masses = [];
  /** @type {Record<string, Maps>} */
  let known = {};
  let side = 16; // of a map
  let shown = ""; // whose maps these are
  let patch = -1; // what the pointer is at
  let drawn = "";

  /** Each token's mass, or how much it looks at one place. */
  const drawBars = () => {
    if (!maps) return;
    const found = maps;
    const values = patch < 0 ? masses : masses.map((_, i) => found[i * side * side + patch] / 255);
    const high = patch < 0 ? Math.max(...values, 1e-6) : 1;
    const wide = 256 / (act.film?.top ?? values.length);
    const bar = (/** @type {number} */ value, /** @type {number} */ i) =>
      `M${(i + 0.5) * wide} 40V${(40 - (36 * value) / high).toFixed(1)}`;
    bars.setAttribute("d", values.map(bar).join(""));
    root.classList.remove("nomap");
    drawn = "";
    if (patch < 0) return put(seen, "");
    const most = values.map((value, i) => [value, i + 1]).sort((a, b) => b[0] - a[0]);
    const names = most.slice(0, 3).map((pair) => pair[1]);
    const where = `Row ${Math.floor(patch / side) + 1}, column ${(patch % side) + 1}`;
    put(seen, `${where} is what tokens ${names.join(", ")} look at most.`);
  };

  const keyOf = (/** @type {Film} */ film) => `${layer.value} of ${codeOf(film, act.state.k)}`;
  const turnTo = (/** @type {Film} */ film, /** @type {string} */ key) => {
    const [packed, mass_] = known[key];
    maps = bytes(packed);
    side = Math.sqrt(maps.length / mass_.length);
    masses = mass_;
    shown = key;
    const way = layer.value.split(",")[0];
    put(share, share.dataset[film.info.ordered === false ? `${way}Code` : way] ?? "");
    drawBars();
  };

  /** The maps of the chosen layer, and of the code at the dial where each has its own. */
  const want = async () => {
    const mine = act.film;
    if (!mine?.original || !layer.value) return;
    const key = keyOf(mine);
    const [way, , n] = layer.value.split(/,? /);
    const got = known[key] || act.still ? {} : await act.view("layer", { n: Number(n) - 1, of: way });
    if (act.film !== mine) return;
    if (got.maps) known[key] = got.maps;
    if (keyOf(mine) !== key) return;
    if (got.error) act.say(got.error, true, 0, mine);
    else if (known[key]) turnTo(mine, key);
    act.paint();
  };
  layer.addEventListener("change", want);

  pick.addEventListener("input", () => act.change({ token: Number(pick.value), follow: false }));
  follow.addEventListener("change", () => {
    pick.value = String(act.state.token);
    act.change({ follow: follow.checked });
  });

  const point = (/** @type {number} */ to) => {
    if (act.state.overlay !== "on" || to === patch) return;
    patch = to;
    drawBars();
    act.paint();
  };
  const move = (/** @type {PointerEvent} */ event) => {
    const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
    const cell = (/** @type {number} */ part) => Math.min(side - 1, Math.max(0, Math.floor(part * side)));
    const row = cell((event.clientY - box.top) / box.height);
    point(side * row + cell((event.clientX - box.left) / box.width));
  };
  for (const place of [stage, one(root, ".thumbnail")]) {
    place.addEventListener("pointermove", move);
    for (const type of ["pointerleave", "blur"]) place.addEventListener(type, () => point(-1));
  }
  stage.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -side, ArrowDown: side }[event.key];
    if (!way || act.state.overlay !== "on") return;
    event.preventDefault();
    const places = side * side;
    point((Math.max(patch, 0) + way + places) % places);
  });

  /** @param {number} token */
  const drawMap = (token) => {
    const places = side * side;
    const light = ranks(/** @type {Uint8Array} */ (maps).subarray((token - 1) * places, token * places));
    const dim = map.createImageData(side, side);
    light.forEach((part, i) => {
      dim.data.set([8, 8, 16, DARK * (1 - part ** 2)], 4 * i); // dims the rest
    });
    for (const brush of [map, spot]) {
      if (brush.canvas.width !== side) Object.assign(brush.canvas, { width: side, height: side });
      brush.putImageData(dim, 0, 0);
    }
  };

  return {
    begin(film) {
      maps = null;
      masses = [];
      known = {};
      layer.replaceChildren();
      put(share, share.dataset[film.info.ordered === false ? "readCode" : "read"] ?? "");
      put(mass, "–");
      put(seen, "");
      bars.setAttribute("d", "M0 39H256");
      shown = "";
      for (const brush of [map, spot]) brush.clearRect(0, 0, brush.canvas.width, brush.canvas.height);
      const kept = !act.still || film.info.ordered !== false; // a page without a server has no code's own maps
      root.classList.toggle("nomap", !(film.original && film.info.has_attention && kept));
      pick.max = String(film.top);
      pick.value = String(act.state.token);
      drawn = "";
    },
    told(film, told) {
      if (!told.attention || root.classList.contains("nomap")) return;
      const code = codeOf(film, film.top);
      for (const [name, packed, mass_] of told.layers ?? [])
        if (packed && mass_) known[`${name} of ${code}`] = [packed, mass_];
      layer.replaceChildren(
        ...layersOf(film, told, act.still).map((name) => new Option(inWords(name), name)),
      );
      const count = film.layers("read");
      layer.value = `read, layer ${Math.floor(count / 2) + 1} of ${count}`;
      known[`${layer.value} of ${code}`] = told.attention;
      turnTo(film, `${layer.value} of ${code}`);
      want();
    },
    settle: want,
    draw({ film, state, turning }) {
      const { k, token, overlay } = state;
      if (turning && !inSight.now && overlay !== "on") return;
      held.style.transform = `scaleX(${k / film.top})`;
      const key = keyOf(film);
      if (key !== shown && known[key]) turnTo(film, key);
      const now = [token, overlay === "on", film.token, shown].join();
      if (now === drawn) return;
      drawn = now;
      follow.checked = state.follow;
      const one = maps ? Math.min(token, masses.length) : token; // a short code has no more
      put(label, String(one));
      needle.style.transform = `translateX(${((one - 0.5) / film.top) * 100}%)`;
      if (!maps) return;
      const percent = 100 * masses[one - 1];
      put(mass, `${percent.toFixed(percent < 9.5 ? 1 : 0)} %`);
      if (overlay === "on") drawMap(one);
    },
  };
}
