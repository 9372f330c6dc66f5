// The gradient by formulas that a student has written into boxes; without one, by the true derivative.

// `problem` is that of the boxes. Gives null where no box has a formula that can be read.
function writtenGradient(problem, boxes) {
  const formulas = new Map();
  for (const box of boxes) {
    const text = box.elements.answer.value, {parameter} = box.dataset;
    try {
      if (text.trim()) formulas.set(parameter, problem.evaluator(parameter, text));
    } catch (error) {
      if (!(error instanceof formula.FormulaError)) throw error; // its box says what is wrong; it drives nothing
    }
  }
  if (!formulas.size) return null;
  return (parameters, data, order) => {
    const sums = new Float64Array(parameters.length), n = order ? order.length : data.count;
    for (let k = 0; k < n; k++) {
      const numbers = [...parameters, ...data.columns.map((column) => column[order ? order[k] : k])];
      const values = problem.values(numbers), slopes = problem.slopes(numbers);
      problem.parameters.forEach((name, i) => (sums[i] += formulas.get(name)?.(values) ?? slopes[i]));
    }
    return Array.from(sums, (sum) => sum / n);
  };
}
