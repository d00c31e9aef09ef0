// Links: this picture, or a challenge to name it with fewer tokens.
import { all, copy, one, put } from "../dom.js";
import { tokens } from "../lengths.js";

const thousands = new Intl.NumberFormat("en");

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @param {() => number} needed how many tokens the visitor saw, where a round is on
 * @returns {Panel}
 */
export function share(root, act, needed) {
  /**
   * @param {HTMLElement} button
   * @param {string} text
   * @param {Record<string, string | number>} [more]
   */
  const send = async (button, text, more) => {
    const film = act.film;
    if (!film || !(film.example || film.told.tokens))
      return act.say("A moment: the tokens are not here yet.");
    const url = act.address(true, more);
    if (navigator.share && matchMedia("(pointer: coarse)").matches) {
      return navigator.share({ text, url }).catch(() => {});
    }
    const long = `${thousands.format(url.length)} characters hold the tokens, never the photo`;
    const words = `The link is copied: ${film.example ? "it opens this example" : long}.`;
    if (await copy(url, button)) act.say(words, false, 5000);
    else act.say("The browser refuses the clipboard: here is the link, to be copied by hand.", false, 60_000);
  };

  const link = one(root, ".copy");
  link.addEventListener("click", () => {
    const first = act.film?.info.ordered === false ? "" : "its first ";
    send(link, `A picture from ${first}${tokens(act.state.k)}`);
  });
  for (const button of all(root, ".challenge")) {
    button.addEventListener("click", () => {
      const count = needed();
      send(button, `Name it! I needed ${tokens(count)}. And you?`, { k: count, name: 1 });
    });
  }
  const words = one(root, ".n-link");
  const tell = () => {
    const film = act.film;
    if (!film) return;
    const known = film.example || film.told.tokens;
    const { length } = act.address(true);
    const what = film.example ? "it names this example" : "it holds the tokens, never the photo";
    put(words, known ? `It has ${thousands.format(length)} characters: ${what}.` : "");
  };
  return { begin: tell, told: tell, settle: tell };
}
