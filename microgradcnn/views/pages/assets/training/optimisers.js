// What moves parameters, and how the rate falls, as nn/optim.py and nn/schedules.py have them.

const SHARES = { // of the rate at the start, at epoch t of T
  constant: () => 1,
  step: (t, T) => 0.5 ** Math.floor((5 * t) / T),
  inverse: (t, T) => 1 / (1 + (10 * t) / T),
  exponential: (t, T) => 0.01 ** (t / T),
  cosine: (t, T) => (1 + Math.cos((Math.PI * t) / T)) / 2,
};

// The direction to move a parameter against, from its gradient g, its two memories m[0][i] and m[1][i], and the step.
const DIRECTIONS = {
  gradient_descent: (g) => g,
  momentum: (g, [v], i) => (v[i] = 0.9 * v[i] + g),
  nesterov: (g, [v], i) => g + 0.9 * (v[i] = 0.9 * v[i] + g),
  adam(g, [mean, square], i, step) {
    mean[i] = 0.9 * mean[i] + (1 - 0.9) * g;
    square[i] = 0.999 * square[i] + (1 - 0.999) * g * g;
    return mean[i] / (1 - 0.9 ** step) / (Math.sqrt(square[i] / (1 - 0.999 ** step)) + 1e-8);
  },
  adamw: (g, m, i, step, p) => DIRECTIONS.adam(g, m, i, step) + 0.01 * p,
  rmsprop: (g, [square], i) => g / (Math.sqrt((square[i] = 0.99 * square[i] + (1 - 0.99) * g * g)) + 1e-8),
  adagrad: (g, [square], i) => g / (Math.sqrt((square[i] += g * g)) + 1e-10),
};

const norm = (numbers) => Math.sqrt(numbers.reduce((sum, x) => sum + x * x, 0));

class Optimiser {
  // `begun` has the steps and memories of a run that goes on, where there is one.
  /** @param {any} begun */
  constructor(name, numbers, size, begun = null) {
    [this.name, this.steps] = [name, begun?.steps ?? 0];
    this.memories = [0, 1].map((k) => numbers.from(begun?.memories[k] ?? new Array(size).fill(0)));
  }

  // Moves the parameters in place; `clip` bounds the norm of the gradient, `clipValue` each number of it.
  step(parameters, gradient, rate, {clip, clip_value: clipValue}) {
    const direction = DIRECTIONS[this.name];
    this.steps++;
    const factor = clip ? Math.min(1, clip / (norm(gradient) + 1e-6)) : 1;
    for (let i = 0; i < parameters.length; i++) {
      let g = factor === 1 ? gradient[i] : gradient[i] * factor;
      if (clipValue) g = Math.max(-clipValue, Math.min(clipValue, g));
      parameters[i] -= rate * direction(g, this.memories, i, this.steps, parameters[i]);
    }
  }
}
