// A model's graphs as onnxruntime-web runs them: on the processor, or on the graphics card where that gives the same.
import { bring } from "./bring.js";
import { agree } from "./gpu.js";

/** @typedef {import("./manifest.js").ModelFile} ModelFile */
/** @typedef {import("./tokenizer.js").Session} Session */

const WASM = "wasm";
const GPU = "webgpu";

/** The graphs of one model that are here. Each of its files is dropped once graphs are made of it. */
export class Graphs {
  /**
   * @param {import("./manifest.js").Model} model
   * @param {URL} base the page's folder
   * @param {object} options
   * @param {number} options.threads that the processor is used with, where the page is isolated
   * @param {boolean} options.gpu whether the graphics card is asked for
   */
  constructor(model, base, { threads, gpu }) {
    this.model = model;
    this.base = base;
    this.threads = threads;
    this.gpu = gpu;
    /** @type {any} onnxruntime-web */
    this.runtime = null;
    /** @type {Map<string, Session>} */
    this.sessions = new Map();
    /** @type {Map<string, Uint8Array<ArrayBuffer>>} by path */
    this.files = new Map();
    this.kept = true; // whether all of it is there for the next visit
  }

  /**
   * Fetch what some graphs need, and make them ready.
   * @param {string[]} names
   * @param {(bytes: number) => void} came so many more
   * @throws {Error} a sentence
   */
  async add(names, came) {
    const lacking = names.filter((name) => !this.sessions.has(name));
    this.gpu &&= !!(await adapter());
    const needed = this.model.filesOf(lacking, !this.runtime, this.gpu);
    for (const file of needed) await this.fetch(file, came);
    this.runtime ??= await this.start();
    for (const name of lacking) this.sessions.set(name, await this.session(name, WASM));
    if (this.gpu) await this.moveToGpu(lacking);
    this.files.clear();
  }

  /** @param {ModelFile} file @param {(bytes: number) => void} came */
  async fetch(file, came) {
    if (this.files.has(file.path)) return; // of a try that broke off
    const { bytes, kept } = await bring(file, this.base, came);
    this.files.set(file.path, bytes);
    this.kept &&= kept;
  }

  async start() {
    const { script, binary } = this.model.runtimeOf(this.gpu);
    const found = await import(new URL(script, this.base).href);
    found.env.wasm.numThreads = self.crossOriginIsolated ? this.threads : 1;
    found.env.wasm.wasmBinary = await unpacked(
      /** @type {Uint8Array<ArrayBuffer>} */ (this.files.get(binary.path)),
    );
    return found;
  }

  /**
   * A graph, ready to run. Its weights are parts of the checkpoint's own files.
   * @param {string} name
   * @param {string} where
   */
  async session(name, where) {
    const { graph, weights } = this.model.graph(name);
    const named = (/** @type {ModelFile} */ { path }) => ({ path: nameOf(path), data: this.files.get(path) });
    return this.runtime.InferenceSession.create(this.files.get(graph.path), {
      executionProviders: [where],
      externalData: weights.map(named),
      logSeverityLevel: 3,
    });
  }

  /**
   * The graphics card takes over graphs that it computes as the processor does; else all stay.
   * @param {string[]} names
   */
  async moveToGpu(names) {
    for (const name of names) {
      const here = /** @type {Session} */ (this.sessions.get(name));
      const there = await this.session(name, GPU).catch(() => null);
      const same = there && (await agree(this.runtime.Tensor, this.model.told.graphs[name], here, there));
      this.gpu &&= !!same;
      if (!there) continue;
      this.sessions.set(name, same ? there : here);
      await (same ? here : there).release();
    }
  }
}

const nameOf = (/** @type {string} */ path) => path.slice(path.lastIndexOf("/") + 1);

/** A graphics card, if this browser has one for pages. */
const adapter = () => /** @type {any} */ (navigator).gpu?.requestAdapter().catch(() => null);

/**
 * A file's bytes out of gzip.
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
function unpacked(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}
