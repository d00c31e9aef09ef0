// Where answers come from: Gradio's server functions, or static files. Each gives a Source.

import { Away } from "./patience.js";
import { send } from "./sending.js";

const AWAY = "The server is away. Once more, please?";
const FULL = 1.5; // seconds after which a server that was full is asked again, unless it says another time
const NONE = { error: "This page has six examples and no server: for that it needs one." };

/**
 * A server that answers questions. Gradio passes one argument, and nothing comes back from it where a question fails,
 * whatever the reason.
 * @param {{ ask(question: Question): Promise<Answer | undefined> }} server
 * @param {URL} root the page's own address
 * @returns {Source}
 */
export function served(server, root) {
  return {
    still: false,
    async ask(question) {
      const got = await server.ask(question).catch(() => undefined);
      if (!got) throw new Away("no answer");
      return got;
    },
    upload: (file, progress, wanted = () => true) =>
      send(new URL("gradio_api/upload", root), file, progress, wanted),
  };
}

/**
 * Of a codec's stored files those of some sizes.
 * @param {Answer | undefined} stored
 * @param {unknown} sizes
 * @returns {Answer}
 */
function among(stored, sizes) {
  if (!stored?.files) return NONE;
  const at = new Map(stored.files.map((row) => [row?.[0], row]));
  return { files: /** @type {number[]} */ (sizes).map((size) => at.get(size) ?? null) };
}

/**
 * Files beside the page: an example's file holds all that was decoded of it.
 * @param {URL} base
 * @param {typeof fetch} get
 * @returns {Source}
 */
export function stored(base, get = (...what) => fetch(...what)) {
  let first = ""; // the model whose films are not in a folder of its name
  const file = async (/** @type {string} */ name, folder = "") => {
    const path = `${folder}${encodeURIComponent(name)}.json`;
    const got = await get(new URL(path, base)).catch(() => null);
    if (!got || got.status > 500) throw new Away("no file");
    return got.ok ? got.json() : NONE;
  };
  /** @param {string} name @param {string} model */
  const film = async (name, model) => {
    const found = await file(name, model && model !== first ? `${encodeURIComponent(model)}/` : "");
    first = found.start?.models?.[0].name ?? first;
    return found;
  };
  /** @type {Map<string, Promise<Record<string, Answer>>>} by example, what stands beside it */
  const read = new Map();
  const beside = (/** @type {string} */ name) => {
    const answers = read.get(name) ?? file(`${name}-beside`);
    read.set(name, answers);
    return answers;
  };
  return {
    still: true,
    async ask({ what, from, photo, token, model, view, of, sizes }) {
      if (!what) return { frames: [], told: {} };
      if (what === "models") return file("beside");
      if (from === "beside") return (await beside(String(token)))[String(model)] ?? NONE;
      if (view === "codec") return among((await beside(String(token)))[String(of)], sizes);
      return from === "example" ? film(String(photo || "coffee"), String(model || "")) : NONE;
    },
  };
}

/**
 * A question that always has an answer, if only a sentence. Where many wait, the server says so and begins no film:
 * it is asked again, as long as somebody wants it.
 * @param {Source} source
 * @param {Question} question
 * @param {() => boolean} [wanted]
 * @param {{ said?: (note: string) => void, wait?: (ms: number) => Promise<unknown> }} [around]
 * @returns {Promise<Answer>}
 */
export async function askOrSay(source, question, wanted = () => true, around = {}) {
  const { said = () => {}, wait = (ms) => new Promise((soon) => setTimeout(soon, ms)) } = around;
  for (;;) {
    const got = await source.ask(question, wanted).catch(() => ({ error: AWAY }));
    const full = question.what === "start" && "note" in got && got.note && !got.start;
    if (!full || !wanted()) return got;
    said(String(got.note));
    await wait(1000 * (got.again ?? FULL));
  }
}
