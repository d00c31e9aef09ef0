// The discrete Fourier transform of a square, for its power. No DOM.
// Source: Cooley and Tukey, Math. Comp. 19 (1965) 297: radix 2, in place.

/**
 * The turns of a transform, and where each number goes first.
 * @param {number} size a power of two
 */
function tables(size) {
  const bits = Math.log2(size);
  const order = Uint32Array.from({ length: size }, (_, i) => {
    let turned = 0;
    for (let bit = 0; bit < bits; bit++) turned |= ((i >> bit) & 1) << (bits - 1 - bit);
    return turned;
  });
  const angle = (/** @type {number} */ i) => (-2 * Math.PI * i) / size;
  const cosines = Float64Array.from({ length: size / 2 }, (_, i) => Math.cos(angle(i)));
  const sines = Float64Array.from({ length: size / 2 }, (_, i) => Math.sin(angle(i)));
  return { order, cosines, sines };
}

/**
 * One row, in place.
 * @param {Float64Array} real
 * @param {Float64Array} imaginary
 * @param {ReturnType<typeof tables>} known
 */
function transform(real, imaginary, { order, cosines, sines }) {
  const size = real.length;
  for (let i = 0; i < size; i++) {
    const j = order[i];
    if (j <= i) continue;
    const [re, im] = [real[i], imaginary[i]];
    real[i] = real[j];
    imaginary[i] = imaginary[j];
    real[j] = re;
    imaginary[j] = im;
  }
  for (let half = 1; half < size; half *= 2) {
    const step = size / (2 * half);
    for (let start = 0; start < size; start += 2 * half) {
      for (let n = 0; n < half; n++) {
        const a = start + n;
        const b = a + half;
        const cosine = cosines[n * step];
        const sine = sines[n * step];
        const re = real[b] * cosine - imaginary[b] * sine;
        const im = real[b] * sine + imaginary[b] * cosine;
        real[b] = real[a] - re;
        imaginary[b] = imaginary[a] - im;
        real[a] += re;
        imaginary[a] += im;
      }
    }
  }
}

/**
 * The transforms of all columns, each of two at once: of real numbers, one is told from the other by its symmetry.
 * @param {Float64Array} square
 * @param {number} side
 * @param {ReturnType<typeof tables>} known
 */
function columns(square, side, known) {
  const half = side / 2 + 1; // the others are their mirror images
  const [real, imaginary] = [new Float64Array(side), new Float64Array(side)];
  const [ofReal, ofImaginary] = [new Float64Array(half * side), new Float64Array(half * side)];
  for (let x = 0; x < side; x += 2) {
    for (let y = 0; y < side; y++) {
      real[y] = square[y * side + x];
      imaginary[y] = square[y * side + x + 1];
    }
    transform(real, imaginary, known);
    for (let v = 0; v < half; v++) {
      const mirror = (side - v) % side;
      const at = v * side + x;
      ofReal[at] = (real[v] + real[mirror]) / 2;
      ofImaginary[at] = (imaginary[v] - imaginary[mirror]) / 2;
      ofReal[at + 1] = (imaginary[v] + imaginary[mirror]) / 2;
      ofImaginary[at + 1] = (real[mirror] - real[v]) / 2;
    }
  }
  return { half, ofReal, ofImaginary };
}

/**
 * |F|^2 of a square of real numbers, row by row; frequency 0 comes first.
 * @param {Float64Array} square side * side numbers
 * @param {number} side a power of two
 */
export function power(square, side) {
  const known = tables(side);
  const { half, ofReal, ofImaginary } = columns(square, side, known);
  const found = new Float64Array(side * side);
  for (let v = 0; v < half; v++) {
    const [real, imaginary] = [ofReal, ofImaginary].map((part) => part.subarray(v * side, (v + 1) * side));
    transform(real, imaginary, known);
    const mirror = (side - v) % side;
    for (let u = 0; u < side; u++) {
      const value = real[u] ** 2 + imaginary[u] ** 2;
      found[v * side + u] = value;
      found[mirror * side + ((side - u) % side)] = value;
    }
  }
  return found;
}
