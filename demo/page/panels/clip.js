// A clip: the dial's turn as a square film, recorded in the browser, or as a GIF where it cannot record.
import { one, save, sheet } from "../dom.js";
import { Scale, tokens } from "../lengths.js";

const DRAWN = 720; // all is drawn in these units
const MS = 250; // a length

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
    add: () => new Promise((soon) => setTimeout(soon, MS)),
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
    async add() {
      const { data } = brush.getImageData(0, 0, width, height);
      const palette = quantize(data, 256);
      made.writeFrame(applyPalette(data, palette), width, height, { palette, delay: MS });
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
 * @param {HTMLElement} root
 * @param {Intents} act
 * @returns {Panel}
 */
export function clip(root, act) {
  const record = async () => {
    const film = act.film;
    if (!film || act.hidden()) return act.say("A clip needs a film.");
    const scale = new Scale(film.lengths);
    const own = ["video/mp4", "video/webm"].find((type) => window.MediaRecorder?.isTypeSupported(type));
    const side = own ? DRAWN : 480;
    const { canvas, brush } = sheet(side, side, { willReadFrequently: !own });
    const made = own ? recorder(canvas, own) : await gif(brush);
    brush.scale(side / DRAWN, side / DRAWN);
    const style = {
      font: "600 30px system-ui, sans-serif",
      fillStyle: "#fff",
      shadowBlur: 8,
      shadowColor: "#000",
    };
    Object.assign(brush, style);
    // all within the five seconds that a phone lets pass between a touch and sharing; another photo ends it
    for (const k of film.ladder.filter((length) => film.mean.at.has(length))) {
      const frame = /** @type {Frame} */ (film.still(k, act.state.mode));
      brush.drawImage(frame.bitmap, 0, 0, DRAWN, DRAWN);
      brush.fillText(tokens(k), 28, 668);
      brush.fillRect(28, 688, 664 * scale.place(k), 8);
      act.say(`Recording: ${tokens(k)}`);
      await made.add();
      if (act.film !== film) return made.drop();
    }
    const type = own ?? "image/gif";
    give(new File(await made.end(), `tokens.${type.slice(6)}`, { type }));
  };

  /** A phone gives it to whom the visitor chooses; else it is a file. Called off: no file either. */
  const give = async (/** @type {File} */ file) => {
    const files = [file];
    const given = matchMedia("(pointer: coarse)").matches && navigator.canShare?.({ files });
    try {
      if (given) await navigator.share({ files, url: act.address(true) });
      else save(file, file.name);
    } catch (why) {
      if (/** @type {DOMException} */ (why).name !== "AbortError") save(file, file.name);
    }
    act.say("The clip is ready.", false, 5000);
  };

  one(root, ".clip").addEventListener("click", record);
  return {};
}
