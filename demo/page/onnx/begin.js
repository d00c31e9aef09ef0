// A page with a model beside its files, or beside its server: its source, ready for the first question.
import { Engine } from "./engine.js";
import { Model } from "./manifest.js";
import { offer } from "./offer.js";
import { own } from "./source.js";
import { visiting } from "./visiting.js";

const GPU = /[?&]gpu\b/; // in the page's address: it is tried on few graphics cards

/**
 * What a source of either kind is made of.
 * @param {import("./manifest.js").Manifest} told
 * @param {URL} root
 * @param {string} manifest its address
 * @param {HTMLElement} element it holds dial.html
 */
function parts(told, root, manifest, element) {
  const folder = manifest.slice(0, manifest.lastIndexOf("/") + 1);
  const photos = /** @type {HTMLButtonElement[]} */ ([...element.querySelectorAll("#examples button")]);
  return {
    engine: new Engine(new Model(told, folder), root, GPU.test(location.search)),
    dial: /** @type {HTMLElement} */ (element.querySelector(".dial")),
    examples: new Map(
      photos.map((button) => [button.value, button.querySelector("img")?.alt ?? button.value]),
    ),
  };
}

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
  const { dial, engine, examples } = parts(await got.json(), root, manifest, element);
  return own(stored, engine, { root, offer: offer(dial), examples });
}

/**
 * A page with a server and, for whoever wants it, a model in the browser.
 * @param {Source} server
 * @param {URL} address the page's own
 * @param {string} manifest its address, below the folder
 * @param {HTMLElement} element it holds dial.html
 * @param {string} photos the folder of the examples' photos, below the page's
 * @returns {Promise<import("./visiting.js").Own>}
 * @throws {Error} the manifest cannot be reached
 */
export async function beside(server, address, manifest, element, photos) {
  const root = new URL(".", address);
  const reply = await fetch(new URL(manifest, root));
  if (!reply.ok) throw new Error(`status ${reply.status}`);
  const { dial, engine, examples } = parts(await reply.json(), root, manifest, element);
  return visiting(server, engine, { root, offer: offer(dial), examples, photos: new URL(photos, root) });
}
