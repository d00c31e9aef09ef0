// "Name it": rounds to choose from, and the card of the round that is on.
import { copy, one, put } from "../dom.js";
import { beside } from "../lengths.js";
import { Round, tally } from "../round.js";
import { choices, isNamed, ofDay, RIDDLES, told } from "../rounds.js";

/**
 * @param {HTMLElement} root
 * @param {Intents} act
 * @param {{ now(): Round | null, begin(round: Round, photo: string): void }} game
 * @returns {Panel}
 */
export function play(root, act, game) {
  const said = one(root, ".said");
  const card = one(root, ".name");
  const list = one(root, ".rounds");
  const options = one(root, ".options");
  const form = /** @type {HTMLFormElement} */ (one(root, ".typed"));
  const words = /** @type {HTMLInputElement} */ (one(form, "input"));
  const today = new Date();

  const titles = ["Today's round", ...RIDDLES.map((_, i) => `Round ${i + 1}`)];
  const numbers = [ofDay(today), ...RIDDLES.keys()];
  const title = (/** @type {Round} */ round) =>
    round.daily ? `round of ${today.toISOString().slice(0, 10)}` : `round ${round.number + 1}`;

  const begin = (/** @type {number} */ number, daily = false) => {
    const riddle = RIDDLES[number % RIDDLES.length];
    const round = new Round(riddle.needed, riddle);
    Object.assign(round, { number: number % RIDDLES.length, daily });
    game.begin(round, riddle.photo);
  };
  titles.forEach((words, i) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: words });
    button.className = "plain round";
    button.addEventListener("click", () => begin(numbers[i], i === 0));
    list.append(button);
  });

  const end = () => {
    const [now, film] = [game.now(), act.film];
    if (!now || !film || now.known) return;
    now.known = true;
    root.classList.remove("guess");
    root.classList.add("known");
    put(said, now.result(film, now.gaveUp ? [] : tally(now.most, window.localStorage)));
    act.turn(film.top);
    act.settled();
    one(card, now.riddle ? ".next" : ".again").focus();
  };
  const more = () => {
    if (!act.film) return;
    act.turn(beside(act.film.lengths, act.state.k, 1));
    act.settled();
  };
  /** A wrong answer costs a token. */
  const answer = (/** @type {string} */ text) => {
    const now = game.now();
    if (!now?.riddle || !text.trim()) return;
    if (isNamed(now.riddle, text)) return end();
    now.wrong += 1;
    more();
    act.paint();
  };

  one(card, ".more").addEventListener("click", more);
  one(card, ".know").addEventListener("click", () => {
    const now = game.now();
    if (now) now.gaveUp = !!now.riddle; // a friend's photo has no name here: whoever knows it says so
    end();
  });
  one(card, ".next").addEventListener("click", () => begin((game.now()?.number ?? -1) + 1));
  const tell = one(card, ".tell");
  tell.addEventListener("click", async () => {
    const now = game.now();
    if (now && (await copy(told(title(now), now.most, now.wrong, now.sender), tell))) {
      act.say("The result is copied: it does not say what it was.", false, 5000);
    }
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    answer(words.value);
    words.value = "";
  });

  const lay = (/** @type {Round | null} */ now) => {
    card.hidden = !now;
    root.classList.toggle("guess", act.hidden());
    root.classList.toggle("known", !!now?.known);
    root.classList.toggle("riddle", !!now?.riddle);
    put(one(card, ".know"), now?.riddle ? "Give up" : "I know what it is");
    const buttons = now?.riddle ? choices(now.riddle) : [];
    options.replaceChildren(
      ...buttons.map((name) => {
        const button = Object.assign(document.createElement("button"), { type: "button", textContent: name });
        button.className = "plain";
        button.addEventListener("click", () => {
          button.disabled = true;
          answer(name);
        });
        return button;
      }),
    );
  };

  return {
    begin() {
      const now = game.now();
      lay(now);
      if (now?.riddle && !now.known) one(root, ".pair").scrollIntoView();
    },
    draw({ film, state }) {
      const now = game.now();
      if (!now || now.known || now.token !== film.token) return; // the film before is drawn until the round's comes
      now.saw(state.k);
      put(said, now.words(film));
    },
  };
}
