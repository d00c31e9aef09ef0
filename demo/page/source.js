// Where answers come from: Gradio's server functions, or static files. Each gives a Source.

const AWAY = "The server is away. Once more, please?";
const LARGE = "This file is larger than 20 MB, which is the most that can be sent.";
const NONE = { error: "This page has six examples and no server: for that it needs one." };

/**
 * A file goes to Gradio's store of uploads.
 * @param {URL} to
 * @param {File} file
 * @param {(part: number) => void} progress
 * @returns {Promise<string>} its path there
 */
function sent(to, file, progress) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("files", file);
    request.upload.onprogress = (event) => progress(event.loaded / event.total);
    request.onerror = () => failed(new Error(AWAY));
    request.onload = () => {
      if (request.status === 200) done(JSON.parse(request.responseText)[0]);
      else failed(new Error(request.status === 413 ? LARGE : AWAY));
    };
    request.open("POST", to);
    request.send(form);
  });
}

/**
 * A server that answers questions; Gradio passes one argument.
 * @param {{ ask(question: Question): Promise<Answer> }} server
 * @param {URL} root the page's own address
 * @returns {Source}
 */
export function served(server, root) {
  return {
    still: false,
    ask: (question) => server.ask(question),
    upload: (file, progress) => sent(new URL("gradio_api/upload", root), file, progress),
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
  const file = async (/** @type {string} */ name) => {
    const got = await get(new URL(`${encodeURIComponent(name)}.json`, base));
    return got.ok ? got.json() : NONE;
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
      return from === "example" ? file(String(photo || "coffee")) : NONE;
    },
  };
}

/**
 * A question that always has an answer, if only a sentence.
 * @param {Source} source
 * @param {Question} question
 * @returns {Promise<Answer>}
 */
export const askOrSay = (source, question) => source.ask(question).catch(() => ({ error: AWAY }));
