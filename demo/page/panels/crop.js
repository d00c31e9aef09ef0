// The crop box: all of a photo, and the square of it that is taken. It opens by itself for a photo that is no
// square, whose middle is encoded meanwhile, so that nobody waits; left alone, it closes by itself.
import { one, pictureAddress } from "../dom.js";
import * as squares from "../square.js";

const REACH = 26; // screen pixels around a corner in which a finger resizes
const WHEEL = 0.0015; // how much a turn of the wheel resizes
/** Milliseconds until a box that nobody touched closes; on a phone it hides the picture. */
const LEFT = { phone: 3000, wide: 8000 };
const AGAIN = "Reading that part of your photo…";

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @param {(token: string) => Promise<Answer>} askWhole all of the photo of a film
 * @returns {Panel & { wanted(): { crop?: Crop }, leave(): void }}
 */
export function crop(root, act, askWhole) {
  const box = one(root, ".crop");
  const whole = one(box, ".whole");
  const frame = one(box, ".square");
  const image = /** @type {HTMLImageElement} */ (one(box, ".all"));
  const coming = /** @type {HTMLImageElement} */ (one(root, ".coming"));
  const button = one(root, ".recrop");
  const narrow = matchMedia("(max-width: 599px)");
  /** @type {squares.Size | null} of the photo in the box; null: it is not there */
  let photo = null;
  let square = { left: 0, top: 0, side: 1 };
  const sending = () => root.classList.contains("arriving"); // the photo is on its way to the server
  let touched = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let closing;
  /** @type {Crop | null} what was chosen while the photo was on its way */
  let wish = null;

  const lay = (/** @type {squares.Square} */ next) => {
    if (!photo) return;
    square = next;
    const { width, height } = photo;
    frame.style.left = `${(100 * square.left) / width}%`;
    frame.style.top = `${(100 * square.top) / height}%`;
    frame.style.width = `${(100 * square.side) / width}%`;
  };

  /** The photo in the box is another one. */
  const hold = () => {
    photo = { width: image.naturalWidth, height: image.naturalHeight };
    whole.style.setProperty("--shape", String(photo.width / photo.height));
  };
  const show = (/** @type {boolean} */ on) => {
    clearTimeout(closing);
    closing = undefined;
    if (!on && box.contains(document.activeElement)) setTimeout(() => button.focus());
    box.hidden = !on;
    button.setAttribute("aria-expanded", String(on));
    touched = false;
  };
  const touch = () => {
    touched = true;
    clearTimeout(closing);
  };

  const fetchWhole = async (/** @type {Film} */ film) => {
    const got = await askWhole(film.token);
    if (act.film !== film) return;
    if (!got.webp) return act.say(got.error ?? "", true, 0, film);
    image.src = pictureAddress(got.webp);
    await image.decode().catch(() => {}); // another photo took its place
    if (act.film === film && !sending()) hold();
  };
  const taken = () => act.film?.start.crop ?? squares.MIDDLE;

  coming.addEventListener("load", async () => {
    image.src = coming.src;
    await image.decode().catch(() => {}); // another photo took its place
    if (image.src !== coming.src) return;
    hold();
    wish = null;
    if (photo) lay(squares.squareOf(squares.MIDDLE, photo));
    show(!!photo && !squares.isSquare(photo));
  });
  coming.addEventListener("error", () => {
    photo = null; // a kind that this browser cannot read: the server shows it later
  });

  button.addEventListener("click", async () => {
    const film = act.film;
    if (!film || !box.hidden) return;
    if (!photo) await fetchWhole(film);
    if (!photo || act.film !== film) return;
    lay(squares.squareOf(taken(), photo));
    show(true);
    touch();
    frame.focus();
  });
  one(box, ".use").addEventListener("click", () => {
    if (!photo) return;
    const chosen = squares.cropOf(square, photo);
    show(false);
    if (sending()) wish = chosen;
    else if (squares.differ(chosen, taken())) act.open({ from: "again", crop: chosen }, AGAIN);
  });
  one(box, ".keep").addEventListener("click", () => show(false));
  for (const type of ["pointerdown", "focusin", "wheel"]) box.addEventListener(type, touch);

  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      return show(false);
    }
    const next = photo && event.target === frame && squares.keyed(square, event.key, photo);
    if (!next) return;
    event.preventDefault();
    lay(next);
  });
  const turned = (/** @type {WheelEvent} */ event) => {
    event.preventDefault();
    if (photo) lay(squares.scaled(square, Math.exp(event.deltaY * WHEEL), photo));
  };
  whole.addEventListener("wheel", turned, { passive: false });
  followFingers(whole, {
    photo: () => photo,
    square: () => square,
    lay,
  });

  return {
    begin(film, { crop: kept = squares.MIDDLE }, from) {
      const wanted = wish && squares.differ(wish, kept) ? wish : null;
      wish = null;
      if (from === "upload") {
        if (image.src !== coming.src) photo = null; // that of the photo before
        if (wanted) setTimeout(() => act.film === film && act.open({ from: "again", crop: wanted }, AGAIN));
        if (photo || act.hidden()) return;
        fetchWhole(film).then(() => {
          if (!photo || squares.isSquare(photo)) return;
          lay(squares.squareOf(kept, photo));
          show(true);
        });
      } else if (from === "example" || from === "link") {
        photo = null;
        show(false);
      }
    },
    arrive(film) {
      if (box.hidden || touched || closing || !film.started || sending()) return;
      closing = setTimeout(() => show(false), narrow.matches ? LEFT.phone : LEFT.wide);
    },
    wanted: () => (wish ? { crop: wish } : {}),
    /** The photo did not come. */
    leave() {
      photo = null;
      wish = null;
      show(false);
    },
  };
}

/**
 * One finger moves the square or a corner of it, two resize it.
 * @param {HTMLElement} whole
 * @param {{ photo(): squares.Size | null, square(): squares.Square, lay(next: squares.Square): void }} on
 */
function followFingers(whole, on) {
  /** @type {Map<number, squares.Point>} in pixels of the photo */
  const fingers = new Map();
  /** @type {squares.Point | null} */
  let corner = null;
  const apart = () => {
    const [[x, y], [otherX, otherY]] = [...fingers.values()];
    return Math.hypot(x - otherX, y - otherY);
  };

  /** @type {(event: PointerEvent, photo: squares.Size) => { at: squares.Point, scale: number }} */
  const locate = (event, photo) => {
    const room = whole.getBoundingClientRect();
    const scale = photo.width / room.width;
    return { at: [(event.clientX - room.left) * scale, (event.clientY - room.top) * scale], scale };
  };
  const follow = (/** @type {PointerEvent} */ event) => {
    const [photo, before] = [on.photo(), fingers.get(event.pointerId)];
    if (!photo || !before) return;
    const { at } = locate(event, photo);
    const width = fingers.size > 1 ? apart() : 0;
    fingers.set(event.pointerId, at);
    if (width) on.lay(squares.scaled(on.square(), apart() / width, photo));
    else if (corner) on.lay(squares.stretched(on.square(), corner, at, photo));
    else on.lay(squares.moved(on.square(), [at[0] - before[0], at[1] - before[1]], photo));
  };

  whole.addEventListener("pointerdown", (event) => {
    const photo = on.photo();
    if (event.button || !photo) return;
    whole.setPointerCapture(event.pointerId);
    const { at, scale } = locate(event, photo);
    fingers.set(event.pointerId, at);
    corner = fingers.size > 1 ? null : squares.cornerAt(on.square(), at, REACH * scale);
    const { left, top, side } = on.square();
    const inside =
      Math.abs(at[0] - left - side / 2) < side / 2 && Math.abs(at[1] - top - side / 2) < side / 2;
    if (!corner && !inside && fingers.size === 1) {
      on.lay(squares.moved(on.square(), [at[0] - left - side / 2, at[1] - top - side / 2], photo));
    }
  });
  whole.addEventListener("pointermove", follow);
  for (const type of /** @type {const} */ (["pointerup", "pointercancel"])) {
    whole.addEventListener(type, (event) => fingers.delete(event.pointerId));
  }
}
