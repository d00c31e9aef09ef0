// The noise that PyTorch draws: `torch.randn` of a seed, number by number. No DOM.
// Source: Matsumoto and Nishimura, ACM TOMACS 8 (1998) 3; Box and Muller, Ann. Math. Statist. 29 (1958) 610; the
// order of the draws is that of ATen's `normal_fill` on a CPU.

const STATE = 624; // words of the generator
const AHEAD = 397;
const UPPER_BIT = 0x80000000;
const LOWER_BITS = 0x7fffffff;
const TWIST = 0x9908b0df;
const UNIFORM_BITS = 24; // of each word, that make a float32 in 0..1
const BLOCK = 16; // numbers that are made together: 8 radii, then 8 angles

/** MT19937: 32 random bits at a time. */
class Twister {
  /** @param {number} seed a whole number, 0 to 2^32 - 1 */
  constructor(seed) {
    this.words = new Uint32Array(STATE);
    this.at = STATE;
    this.words[0] = seed;
    for (let i = 1; i < STATE; i++) {
      const before = this.words[i - 1];
      this.words[i] = Math.imul(1812433253, before ^ (before >>> 30)) + i;
    }
  }

  /** All words anew. */
  twist() {
    const { words } = this;
    for (let i = 0; i < STATE; i++) {
      const bits = (words[i] & UPPER_BIT) | (words[(i + 1) % STATE] & LOWER_BITS);
      words[i] = words[(i + AHEAD) % STATE] ^ (bits >>> 1) ^ (bits & 1 ? TWIST : 0);
    }
    this.at = 0;
  }

  /** The next 32 bits. */
  next() {
    if (this.at === STATE) this.twist();
    let bits = this.words[this.at];
    this.at += 1;
    bits ^= bits >>> 11;
    bits ^= (bits << 7) & 0x9d2c5680;
    bits ^= (bits << 15) & 0xefc60000;
    return (bits ^ (bits >>> 18)) >>> 0;
  }
}

/**
 * `torch.randn(count, generator=torch.Generator("cpu").manual_seed(seed))`, to some 1e-6: standard normal numbers.
 * @param {number} seed a whole number from 0
 * @param {number} count a multiple of 16: smaller counts are drawn in another way
 */
export function randn(seed, count) {
  if (count % BLOCK) throw new Error(`${count} numbers are no whole blocks of ${BLOCK}.`);
  const twister = new Twister(seed);
  const mask = 2 ** UNIFORM_BITS - 1;
  const numbers = Float32Array.from({ length: count }, () => (twister.next() & mask) / 2 ** UNIFORM_BITS);
  for (let block = 0; block < count; block += BLOCK) {
    for (let i = block; i < block + BLOCK / 2; i++) {
      const radius = Math.sqrt(-2 * Math.log(1 - numbers[i]));
      const angle = 2 * Math.PI * numbers[i + BLOCK / 2];
      numbers[i] = radius * Math.cos(angle);
      numbers[i + BLOCK / 2] = radius * Math.sin(angle);
    }
  }
  return numbers;
}
