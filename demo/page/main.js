// Long because every panel is named here, and nowhere else.
// The page: source -> pull -> film -> state -> panels, and the panels' intents back. Only wiring.
import { api } from "./api.js";
import { connect } from "./connect.js";
import { all, one, showArriving } from "./dom.js";
import { Film } from "./film.js";
import { frameOf, unpack } from "./frames.js";
import { judge } from "./judge.js";
import { nearest } from "./lengths.js";
import { Opener, wake } from "./opener.js";
import { attention } from "./panels/attention.js";
import { card } from "./panels/card.js";
import { chance } from "./panels/chance.js";
import { choose } from "./panels/choose.js";
import { clip } from "./panels/clip.js";
import { codes } from "./panels/codes.js";
import { compare } from "./panels/compare.js";
import { crop } from "./panels/crop.js";
import { curves } from "./panels/curves.js";
import { difference } from "./panels/difference.js";
import { halted } from "./panels/halted.js";
import { lecture } from "./panels/lecture.js";
import { machine } from "./panels/machine.js";
import { model } from "./panels/model.js";
import { needs } from "./panels/needs.js";
import { numbers } from "./panels/numbers.js";
import { overlays } from "./panels/overlays.js";
import { pictures } from "./panels/pictures.js";
import { play } from "./panels/play.js";
import { rail } from "./panels/rail.js";
import { scenes } from "./panels/scenes.js";
import { settings } from "./panels/settings.js";
import { share } from "./panels/share.js";
import { sheet } from "./panels/sheet.js";
import { spectrum } from "./panels/spectrum.js";
import { stage } from "./panels/stage.js";
import { status } from "./panels/status.js";
import { sweep } from "./panels/sweep.js";
import { tabs } from "./panels/tabs.js";
import { terms } from "./panels/terms.js";
import { Puller } from "./pull.js";
import { Round } from "./round.js";
import { askOrSay } from "./source.js";
import { asks, fresh, read, told, write } from "./state.js";

export { served, stored } from "./source.js";
export { either } from "./switch.js";

const REST = 250; // ms without a move until the dial rests

/**
 * Begin: the first film comes from the address, else it is the first example.
 * @param {HTMLElement} element it holds dial.html
 * @param {Source} given
 * @returns what the forms around the dial, and tests, may call; `window.dial`, too
 */
export function start(element, given) {
  const root = one(element, ".dial");
  const link = read(new URL(location.href));
  const state = { ...fresh(), ...link.state };
  /** @type {Film | null} */
  let film = null;
  let round = link.named ? new Round(link.sender) : null;
  const { source, again } = connect(given, (away) => line.away(away));
  const opener = new Opener(source, { said: (note) => act.say(note, false, Number.POSITIVE_INFINITY) });
  let waiting = 0; // the animation frame that is waited for
  let shown = /** @type {Frame | null} */ (null);
  let settling = 0; // the timer until the dial rests

  root.classList.toggle("noserver", source.still);
  const track = one(root, ".rail");
  const turning = () => track.matches(":active");
  const hidden = () => !!round && !round.known;
  const calm = () => !turning() && !sweeping.playing();
  const resting = () => !!film?.lacks(state.k, state.mode) && calm();
  const sparse = () => source.here || film?.info.alone; // not all means come by themselves
  const lacking = () =>
    calm() && (!!film?.lacks(state.k, state.mode, sparse()) || !!film?.lacksMean(state.k));
  const newest = () => (opener.busy ? null : film); // a photo that is asked for has the line for itself
  const asked = () => asks(state, film, !film || resting());

  const draw = () => {
    waiting = 0;
    const [frame, words] = film?.choose(state.k, state.mode, sweeping.playing()) ?? [];
    if (!film || !frame || !words) return;
    if (state.follow) state.token = Math.min(film.top, Math.max(1, state.k));
    shown = frame;
    const scene = { film, state, frame, words, turning: turning() };
    for (const panel of panels) panel.draw?.(scene);
    dial.onpaint?.(state.k, frame.length);
  };
  const paint = () => {
    if (!waiting) waiting = requestAnimationFrame(draw);
  };
  const arrived = () => {
    if (!film?.started) return;
    for (const panel of panels) panel.arrive?.(film);
    paint();
    if (source.still) return;
    judge(film, act.view).then((news) => news && arrived());
  };

  const puller = new Puller(
    {
      source,
      film: newest,
      asked,
      lacking,
      unpack,
      say: (text, bad) => act.say(text, bad),
      waits: (film) => line.waits(film),
      told(told) {
        if (film) for (const panel of panels) panel.told?.(film, told);
      },
      arrived,
    },
    frameOf,
  );

  const begin = (/** @type {Start} */ head, /** @type {From} */ from) => {
    const before = film;
    film = new Film(head);
    if (before && from === "moved") film.inherit(before, state.steps);
    else before?.close();
    state.model = head.models && head.models[0].name !== head.info.name ? head.info.name : "";
    shown = null;
    if (round && !round.token) Object.assign(state, { k: 1, overlay: "" }); // nothing that tells of the photo
    if (round && from === "moved") round.token = head.token;
    if (round && !round.holds(head, link)) round = null;
    const own = head.original && !head.example && from !== "moved";
    if (own && state.k < 2) state.k = 32; // no photo of one's own begins with nothing to see
    state.k = nearest(film.lengths, state.k);
    state.token = Math.min(film.top, state.token);
    for (const panel of panels) panel.begin?.(film, head, from);
  };

  /** @type {Intents["open"]} */
  const bring = async (what, words = "Reading the photo…") => {
    sweeping.expect();
    const own = typeof what === "function";
    const { model } = state;
    if (typeof what !== "function") state.model = String(what.model ?? model);
    showArriving(root, own);
    act.say(words, false, Number.POSITIVE_INFINITY);
    if (typeof what !== "function" && what.from === "link") link.tokens = String(what.tokens);
    const got = await opener.open(what, () => ({
      ...asked(),
      rest: state.mode !== "mean",
      ...(own && cropping.wanted()),
    }));
    if (!got) return;
    showArriving(root, false);
    if (!got.start) {
      if (own) cropping.leave();
      state.model = model;
      act.say(got.error ?? "", true);
      film?.resend();
      puller.pull();
      return got.error;
    }
    const asNamed = !film && !link.tokens && (!link.photo || link.photo === got.start.example);
    begin(got.start, own ? "upload" : what.crop ? "crop" : /** @type {From} */ (what.from));
    act.say("");
    if (got.frames && film) {
      const told = { ...film.told, ...got.told };
      puller.accept({ ...got, told }, film, { mean: film.mean, sample: film.sample });
    }
    if (!asNamed) record();
    puller.pull();
  };

  /** The address bar says what is here, and of a visitor's own photo the dial alone. */
  const record = () => film && !hidden() && history.replaceState(null, "", act.address(false));
  const settled = () => {
    clearTimeout(settling);
    settling = window.setTimeout(() => {
      if (turning()) return;
      record();
      puller.pull();
      if (film) for (const panel of panels) panel.settle?.(film);
    }, REST);
  };

  /** @type {Intents} */
  const act = {
    state,
    get film() {
      return film;
    },
    get still() {
      return source.still || !!film?.start.stored;
    },
    get here() {
      return !!source.here;
    },
    turning,
    hidden,
    paint,
    arrived,
    settled,
    say: (...what) => line.say(...what),
    turn(k, how) {
      if (!Number.isFinite(k)) return;
      const next = film ? nearest(film.lengths, k) : Math.min(256, Math.max(0, Math.trunc(k)));
      if (next === state.k) return;
      if (how) clearTimeout(settling);
      Object.assign(state, { k: next, scene: "", turned: state.turned || how !== "sweep" });
      paint();
    },
    change(patch) {
      Object.assign(state, patch);
      paint();
    },
    open: bring,
    retake(steps, seed) {
      const same = film && seed === state.seed && steps === asked().steps;
      Object.assign(state, { steps: steps || 0, seed: seed || 0 });
      if (!film || same) return;
      film.retake();
      record();
      puller.pull();
      arrived();
    },
    mode(mode) {
      Object.assign(state, { mode, scene: "", turned: true });
      record();
      arrived();
      puller.pull();
    },
    view: (view, more) => askOrSay(source, { ...asked(), what: "view", view, n: 0, of: "", ...more }),
    address: (whole, more) => write(state, told(film, link, state.k), location.href, whole, more),
  };

  const game = {
    now: () => round,
    begin(/** @type {Round} */ next, /** @type {string} */ photo) {
      round = next;
      bring({ from: "example", photo });
    },
  };
  /** The source is another one: the film that is shown goes on there, unless it is this machine's own. */
  const moved = () => {
    if (!film || opener.busy || source.machine?.holds(film.token)) return undefined;
    return bring({ from: "moved", model: state.model }, "A moment…");
  };
  const switched = machine(root, act, source.machine, moved);
  const line = status(root, newest, {
    again,
    goOn: () => puller.pull(),
    beside: () => switched.offer(newest()),
  });
  const cropping = crop(root, act, (token) => askOrSay(source, { what: "whole", token }));
  const sweeping = sweep(root, act, !!location.hash);
  const spectra = spectrum(root, act);
  const nearness = curves(root, act);
  const panes = compare(root, act, source);
  const tabbed = tabs(root, act);
  /** @type {Panel[]} */
  const panels = [
    stage(root, act),
    rail(root, act),
    sweeping,
    numbers(root),
    cropping,
    line,
    spectra,
    nearness,
    ...[overlays, attention, halted, codes, difference, clip, card, model].map((panel) => panel(root, act)),
    ...all(root, ".row").map((row) => pictures(row, act)),
    chance(root, act),
    scenes(root, act, (hash) => dial.visit(hash)), // before play: a round needs the picture at its place
    sheet(root, act),
    play(root, act, game),
    share(root, act, () => round?.most ?? state.k),
    needs(root, act, source),
    choose(root, act, source, (hash) => dial.visit(hash)),
    tabbed,
    panes,
    lecture(root, act, (hash) => dial.visit(hash)),
    switched,
    settings(root, switched.row),
    terms(root),
  ];

  const dial = api(root, act, {
    sweep: sweeping,
    spectrum: spectra,
    curves: nearness,
    panes: panes.plots,
    tabs: tabbed,
    shown: () => shown,
    forget: (token) => askOrSay(source, { what: "forget", token }),
  });
  Object.assign(window, { dial });

  wake(link, bring).then((wrong) => wrong && act.say(wrong, true));
  return dial;
}
