// The steps of a lecture: for each scene a question, a pause for the audience to guess, and the answer. No DOM.

/**
 * @typedef {object} Scene_
 * @property {string} name
 * @property {string} title
 * @property {string} words
 * @property {string} ask
 * @property {string} before the state in which it is asked, as an address's hash
 * @property {string} after the state that answers
 */

/** A walk along scenes. */
export class Lecture {
  /** @param {Scene_[]} scenes */
  constructor(scenes) {
    this.scenes = scenes;
    this.step = 0; // two steps a scene
  }

  get scene() {
    return this.scenes[this.step >> 1];
  }

  get answered() {
    return this.step % 2 === 1;
  }

  /** The state that is shown now. */
  get state() {
    return this.answered ? this.scene.after : this.scene.before;
  }

  get where() {
    return `${(this.step >> 1) + 1} of ${this.scenes.length}: ${this.scene.title}`;
  }

  /**
   * On or back, and no farther than the ends; whether anything changed.
   * @param {number} by
   */
  move(by) {
    const to = Math.min(2 * this.scenes.length - 1, Math.max(0, this.step + by));
    const moved = to !== this.step;
    this.step = to;
    return moved;
  }
}
