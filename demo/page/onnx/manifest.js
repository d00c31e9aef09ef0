// The manifest of a model's graphs, graphs.json: which files each graph needs, and how large they are. No DOM.

/** @typedef {import("./bring.js").ModelFile} ModelFile */
/** @typedef {import("./gpu.js").Told} Told */
/** @typedef {{ script: string, binary: ModelFile }} Runtime */
/** @typedef {{ bytes: number, sha256: string, url?: string }} Sized where `url` on another host, if it is there */

/**
 * What `tokendial export-page --with-model` writes.
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} weights_id
 * @property {Info} info
 * @property {import("./tokenizer.js").Shape} model
 * @property {Record<string, Sized & { file: string, weights: string[], inputs: Told[], outputs: Told[] }>} graphs
 * @property {Record<string, Sized>} weights
 * @property {string} [kind] the family
 * @property {Manifest[]} [beside] of models that Compare sets beside it, each in a folder of its name
 * @property {Runtime & { gpu?: Runtime }} runtime of onnxruntime-web
 */

/** What a link's picture takes, and what a photo of one's own takes beside it. */
export const DECODING = ["context", "predict", "paint"];
export const ALL = [...DECODING, "encode"];

/** A model's files. */
export class Model {
  /**
   * @param {Manifest} told
   * @param {string} folder below the page's, with a slash at its end
   * @param {string} [prefix] of its graphs' names among those that can run
   */
  constructor(told, folder, prefix = "") {
    this.told = told;
    this.folder = folder;
    this.prefix = prefix;
    /** @type {Map<string, Model>} by name, models that Compare may show */
    this.besides = new Map();
    for (const one of told.beside ?? []) {
      const below = `${one.name}/`;
      this.besides.set(one.name, new Model({ ...one, runtime: told.runtime }, folder + below, below));
    }
    this.info = told.info;
    this.shape = told.model;
  }

  /** All graphs that a photo takes. */
  get all() {
    return Object.keys(this.told.graphs);
  }

  /** @param {string} name of a file @param {Sized} sized @returns {ModelFile} */
  file(name, { bytes, sha256, url }) {
    return { path: this.folder + name, bytes, sha256, url };
  }

  /**
   * A graph's file, and those of its weights.
   * @param {string} name
   */
  graph(name) {
    const { file, weights, ...sized } = this.told.graphs[name];
    return {
      graph: this.file(file, sized),
      weights: weights.map((one) => this.file(one, this.told.weights[one])),
    };
  }

  /**
   * What runs the graphs; a page may lack the one for graphics cards.
   * @param {boolean} gpu
   */
  runtimeOf(gpu) {
    const { runtime } = this.told;
    return (gpu && runtime.gpu) || runtime;
  }

  /**
   * What some graphs need, each file once.
   * @param {string[]} names
   * @param {boolean} [runtime] with the program that runs them
   * @param {boolean} [gpu] the one for a graphics card
   */
  filesOf(names, runtime = true, gpu = false) {
    const graphs = names.map((name) => this.graph(name));
    const files = [...graphs.map(({ graph }) => graph), ...graphs.flatMap(({ weights }) => weights)];
    if (runtime) files.push(this.runtimeOf(gpu).binary);
    return [...new Map(files.map((file) => [file.path, file])).values()];
  }
}

/** @param {ModelFile[]} files */
export const sizeOf = (files) => files.reduce((sum, { bytes }) => sum + bytes, 0);
