// A page with a model beside its files: its source, ready for the first question.
import { Engine } from "./engine.js";
import { Model } from "./manifest.js";
import { offer } from "./offer.js";
import { own } from "./source.js";

const GPU = /[?&]gpu\b/; // in the page's address: it is tried on few graphics cards

/**
 * @param {Source} stored
 * @param {URL} root the page's folder
 * @param {string} manifest its address, below the folder
 * @param {HTMLElement} element it holds dial.html
 * @returns {Promise<Source | null>} null: the model is not there, and the page has what is stored
 */
export async function begun(stored, root, manifest, element) {
  const got = await fetch(new URL(manifest, root)).catch(() => null);
  if (!got?.ok) return null;
  navigator.serviceWorker?.register(new URL("sw.js", root)).catch(() => {}); // a private window has none
  const folder = manifest.slice(0, manifest.lastIndexOf("/") + 1);
  const engine = new Engine(new Model(await got.json(), folder), root, GPU.test(location.search));
  const dial = /** @type {HTMLElement} */ (element.querySelector(".dial"));
  const photos = /** @type {HTMLButtonElement[]} */ ([...element.querySelectorAll("#examples button")]);
  const examples = new Map(
    photos.map((button) => [button.value, button.querySelector("img")?.alt ?? button.value]),
  );
  return own(stored, engine, { root, offer: offer(dial), examples });
}
