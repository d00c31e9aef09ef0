// A card of 1200 x 630, as links are previewed: five lengths and the photo, made in the browser.
import { one, savePicture, sheet } from "../dom.js";
import { tokens } from "../lengths.js";
import { madeOf } from "../png.js";

const [WIDTH, HEIGHT] = [1200, 630];
const SIDE = 360;
const GAP = 16;
const LENGTHS = [1, 4, 16, 64, 256];
const NAMES = { mean: "means", sample: "samples", sharp: "sharp pictures" };

/**
 * At most five of some lengths, evenly from the first to the last.
 * @param {number[]} lengths
 */
function spread(lengths) {
  const last = lengths.length - 1;
  const places = LENGTHS.map((_, i) => Math.round((i * last) / (LENGTHS.length - 1)));
  return lengths.filter((_, i) => places.includes(i));
}

/**
 * What the card shows of a film: a kind throughout, of the wanted lengths those that are here.
 * @param {Film} film
 * @param {Mode} mode
 * @returns {Frame[]}
 */
export function shownOn(film, mode) {
  const wanted = LENGTHS.filter((k) => film.lengths.includes(k));
  const lengths = wanted.length > 2 ? wanted : spread(film.ladder);
  const kind = /** @type {Mode[]} */ ([film.kind(mode), "mean"]).find((each) =>
    lengths.every((k) => film[each].at.has(k)),
  );
  return lengths.flatMap((k) => (kind && film[kind].at.get(k)) ?? []);
}

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @returns {Panel}
 */
export function card(root, act) {
  const photo = /** @type {HTMLImageElement} */ (one(root, ".photo"));

  const draw = () => {
    const film = act.film;
    if (!film || act.hidden()) return act.say("A card needs a film.");
    const frames = shownOn(film, act.state.mode);
    if (!frames.length) return act.say("A moment: these lengths are not here yet.");
    const { canvas, brush } = sheet(WIDTH, HEIGHT);
    brush.fillStyle = "#0f172a";
    brush.fillRect(0, 0, WIDTH, HEIGHT);
    brush.fillStyle = "#f8fafc";
    brush.font = "700 46px system-ui, sans-serif";
    brush.fillText("How few tokens does a picture need?", 40, 82);
    const pictures = frames.map((frame) => ({
      picture: /** @type {CanvasImageSource} */ (frame.bitmap),
      name: tokens(frame.length),
      under: `${film.bytesOf(frame.length).toLocaleString("en")} bytes`,
    }));
    if (film.original)
      pictures.push({ picture: photo, name: "the photo", under: film.start.credit.slice(0, 40) });
    const side = Math.min(SIDE, (WIDTH - 80 - GAP * (pictures.length - 1)) / pictures.length);
    const top = 150 + (SIDE - side) / 2;
    brush.imageSmoothingQuality = "high";
    pictures.forEach(({ picture, name, under }, i) => {
      const x = 40 + i * (side + GAP);
      brush.drawImage(picture, x, top, side, side);
      brush.font = "600 24px system-ui, sans-serif";
      brush.fillText(name, x, top + side + 36, side);
      brush.font = "20px system-ui, sans-serif";
      brush.fillText(under, x, top + side + 66, side);
    });
    brush.fillStyle = "#5eead4";
    brush.font = "24px system-ui, sans-serif";
    const what = film.modes.length > 1 ? `tokendial: ${NAMES[frames[0].mode]}` : "tokendial";
    const from = film.info.ordered === false ? "a code a length" : "the first tokens";
    brush.fillText(`${what} from ${from} · ${location.host}`, 40, HEIGHT - 36);
    savePicture(canvas, "tokens-card.png", madeOf(film, frames, act.state));
    act.say("The card is ready.", false, 5000);
  };
  one(root, ".card-button").addEventListener("click", draw);
  return {};
}
