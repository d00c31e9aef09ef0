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
    [real[i], real[j]] = [real[j], real[i]];
    [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]];
  }
  for (let half = 1; half < size; half *= 2) {
    const step = size / (2 * half);
    for (let start = 0; start < size; start += 2 * half) {
      for (let n = 0; n < half; n++) {
        const [a, b] = [start + n, start + n + half];
        const [cosine, sine] = [cosines[n * step], sines[n * step]];
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
 * |F|^2 of a square of real numbers, row by row; frequency 0 comes first.
 * @param {Float64Array} square side * side numbers
 * @param {number} side a power of two
 */
export function power(square, side) {
  const known = tables(side);
  const real = Float64Array.from(square);
  const imaginary = new Float64Array(side * side);
  for (let y = 0; y < side; y++) {
    const part = [y * side, (y + 1) * side];
    transform(real.subarray(...part), imaginary.subarray(...part), known);
  }
  const [column, other] = [new Float64Array(side), new Float64Array(side)];
  const found = new Float64Array(side * side);
  for (let x = 0; x < side; x++) {
    for (let y = 0; y < side; y++) {
      column[y] = real[y * side + x];
      other[y] = imaginary[y * side + x];
    }
    transform(column, other, known);
    for (let y = 0; y < side; y++) found[y * side + x] = column[y] ** 2 + other[y] ** 2;
  }
  return found;
}
