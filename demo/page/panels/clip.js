// A clip: the dial's turn as a square film, recorded in the browser, or as a GIF where it cannot record.
import { one, save, sheet } from "../dom.js";
import { Scale, tokens } from "../lengths.js";

const TITLE = "How few tokens does a picture need?";
const DRAWN = 720; // all is drawn in these units
const MS = 150; // a length; with the end, less than the five seconds that a phone allows
const END = 1500; // the last length is held
const PHOTO = 500;

/**
 * A browser's own recording.
 * @param {HTMLCanvasElement} canvas
 * @param {string} type
 */
function recorder(canvas, type) {
  /** @type {Blob[]} */
  const parts = [];
  const made = new MediaRecorder(canvas.captureStream(), { mimeType: type, videoBitsPerSecond: 5e6 });
  made.ondataavailable = (event) => parts.push(event.data);
  made.start();
  return {
    add: (/** @type {number} */ ms) => new Promise((soon) => setTimeout(soon, ms)),
    drop: () => made.stop(),
    end: () =>
      new Promise((/** @type {(parts: BlobPart[]) => void} */ over) => {
        made.onstop = () => over(parts);
        made.stop();
      }),
  };
}

/** @param {CanvasRenderingContext2D} brush */
async function gif(brush) {
  const { GIFEncoder, quantize, applyPalette } = await import("../vendor/gifenc.esm.js");
  const made = GIFEncoder();
  const { width, height } = brush.canvas;
  return {
    async add(/** @type {number} */ ms) {
      const { data } = brush.getImageData(0, 0, width, height);
      const palette = quantize(data, 256);
      made.writeFrame(applyPalette(data, palette), width, height, { palette, delay: ms });
      await new Promise((soon) => setTimeout(soon));
    },
    drop() {},
    async end() {
      made.finish();
      return [made.bytes()];
    },
  };
}

/**
 * The ladder of one kind throughout: the wanted one if all of it is here, else what there is of the mean.
 * @param {Film} film
 * @param {Mode} mode
 * @returns {Frame[]}
 */
export function oneKind(film, mode) {
  const wanted = film.kind(mode);
  const kind = film.hasLadder(wanted) ? wanted : "mean";
  return film.ladder.flatMap((k) => film[kind].at.get(k) ?? []);
}

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @returns {Panel}
 */
export function clip(root, act) {
  const photo = /** @type {HTMLImageElement} */ (one(root, ".photo"));
  const record = async () => {
    const film = act.film;
    if (!film || act.hidden()) return act.say("A clip needs a film.");
    const scale = new Scale(film.lengths);
    const own = ["video/mp4", "video/webm"].find((type) => window.MediaRecorder?.isTypeSupported(type));
    const side = own ? DRAWN : 480;
    const { canvas, brush } = sheet(side, side, { willReadFrequently: !own });
    const made = own ? recorder(canvas, own) : await gif(brush);
    brush.scale(side / DRAWN, side / DRAWN);
    Object.assign(brush, { fillStyle: "#fff", shadowBlur: 8, shadowColor: "#000" });
    const write = (/** @type {CanvasImageSource} */ picture, /** @type {string} */ words) => {
      brush.drawImage(picture, 0, 0, DRAWN, DRAWN);
      brush.font = "600 30px system-ui, sans-serif";
      brush.fillText(TITLE, 28, 52, DRAWN - 56);
      brush.fillText(words, 28, 668);
      brush.font = "24px system-ui, sans-serif";
      brush.fillText(location.host, 28, 86);
    };
    // all within the five seconds that a phone lets pass between a touch and sharing; another photo ends it
    const frames = oneKind(film, act.state.mode);
    for (const frame of frames) {
      const { length } = frame;
      write(frame.bitmap, `${tokens(length)}, ${film.bytesOf(length)} bytes`);
      brush.fillRect(28, 688, 664 * scale.place(length), 8);
      act.say(`Recording: ${tokens(length)}`, false, 0, film);
      await made.add(frame === frames.at(-1) ? END : MS);
      if (act.film !== film) return made.drop();
    }
    if (film.original) {
      write(photo, "the photo");
      await made.add(PHOTO);
      if (act.film !== film) return made.drop();
    }
    const type = own ?? "image/gif";
    give(film, new File(await made.end(), `tokens.${type.slice(6)}`, { type }));
  };

  /** A phone gives it to whom the visitor chooses; else it is a file. Called off: no file either. */
  const give = async (/** @type {Film} */ film, /** @type {File} */ file) => {
    const files = [file];
    const given = matchMedia("(pointer: coarse)").matches && navigator.canShare?.({ files });
    try {
      if (given) await navigator.share({ files, url: act.address(true) });
      else save(file, file.name);
    } catch (why) {
      if (/** @type {DOMException} */ (why).name !== "AbortError") save(file, file.name);
    }
    act.say("The clip is ready.", false, 5000, film);
  };

  one(root, ".clip").addEventListener("click", record);
  return {};
}
