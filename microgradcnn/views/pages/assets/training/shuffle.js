// NumPy's default generator, PCG64 (M. E. O'Neill, HMC-CS-2014-0905), so that batches are those that Python draws.

const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;
const [LOW_32, LOW_64, LOW_128] = [32n, 64n, 128n].map((bits) => (1n << bits) - 1n);

class Generator {
  // From the state that NumPy tells: whole numbers as text, and perhaps half a draw that is left over.
  constructor({state, inc, half}) {
    [this.state, this.inc] = [BigInt(state), BigInt(inc)];
    this.half = half; // null or a number
  }

  next64() {
    this.state = (this.state * MULTIPLIER + this.inc) & LOW_128;
    const high = this.state >> 64n, mixed = high ^ (this.state & LOW_64), turn = high >> 58n;
    return ((mixed >> turn) | (mixed << (64n - turn))) & LOW_64;
  }

  next32() {
    if (this.half !== null) {
      const kept = this.half;
      this.half = null;
      return kept;
    }
    const drawn = this.next64();
    this.half = Number(drawn >> 32n);
    return Number(drawn & LOW_32);
  }

  // A whole number from 0 to `most`, each as likely as the others.
  upTo(most) {
    const mask = 2 ** (32 - Math.clz32(most)) - 1;
    let drawn = 0;
    do drawn = (this.next32() & mask) >>> 0;
    while (drawn > most);
    return drawn;
  }

  permutation(n) {
    const order = Int32Array.from({length: n}, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.upTo(i);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }

  // All of n rows, shuffled, in parts of at most `size`, the first of them perhaps one row longer.
  batches(n, size) {
    const order = this.permutation(n), parts = Math.ceil(n / size), found = [];
    for (let k = 0, start = 0; k < parts; k++) {
      const end = start + Math.floor(n / parts) + (k < n % parts ? 1 : 0);
      found.push(order.subarray(start, end));
      start = end;
    }
    return found;
  }

  // A number from N(0, 1), by Box and Muller.
  normal() {
    const [u, v] = [0, 0].map(() => (this.next32() + 0.5) / 2 ** 32);
    return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
  }
}
