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
 * Files beside the page: an example's file holds all that was decoded of it.
 * @param {URL} base
 * @param {typeof fetch} get
 * @returns {Source}
 */
export function stored(base, get = (...what) => fetch(...what)) {
  let first = ""; // the model whose films are not in a folder of its name
  /** @param {string} name @param {string} model */
  const film = async (name, model) => {
    const folder = model && model !== first ? `${encodeURIComponent(model)}/` : "";
    const file = await get(new URL(`${folder}${encodeURIComponent(name)}.json`, base));
    if (!file.ok) return NONE;
    const found = await file.json();
    first = found.start?.models?.[0].name ?? first;
    return found;
  };
  return {
    still: true,
    async ask({ what, from, photo, model }) {
      if (!what) return { frames: [], told: {} };
      return from === "example" ? film(String(photo || "coffee"), String(model || "")) : NONE;
    },
  };
}

/**
 * A question that always has an answer, if only a sentence.
 * @param {Source} source
 * @param {Question} question
 */
export const askOrSay = (source, question) => source.ask(question).catch(() => ({ error: AWAY }));
