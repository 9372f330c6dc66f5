// What a step does, in words and formulas: what is computed from which numbers, and every += into a gradient.

const tellings = {
  start: (level) => [
    words("The leaves have their numbers; nothing is computed yet. Next → computes the first box."),
    words(level.backward ? "A click on a box, or Enter, derives its gradient." : ""),
    words(level.live ? "Any number can be changed." : ""),
  ],

  forward(level, step, results) {
    const { box } = level.steps[step];
    const { name, shape } = level.boxes[box];
    const formula = [level.part("name", box), level.part("formula", box)];
    if (!results) return [words(`Forward: ${name} is computed.`), display(...formula)];
    const [values, substituted] = [results.values[box], level.filled("numbers", box, results)];
    return [words(`Forward: ${name} = ${range(values)}`), display(...formula, substituted, quantity(values, shape))];
  },

  seed: (level) => [
    words(`The backward pass starts at the end: how much does ${level.boxes[level.root].name} change with itself?`),
    display(level.slope(level.root), number(1)),
  ],

  backward(level, step, results) {
    const { link } = level.steps[step];
    const { parent, child } = level.links[link];
    const [to, from] = [parent, child].map((box) => level.boxes[box].name);
    const [before, sent] = [level.gradientsAt(step - 1, results)[parent], results.sent[link]];
    const had = before ? `, which had ${range(before)}` : "";
    return [
      words(`Backward: ${from} sends ${range(sent)} to ${to}${had}`),
      ...sending(level, link, results),
      added(level, parent, before, sent),
    ];
  },

  recorded: (level, step) => [words(`Backward: the gradient of ${level.boxes[level.steps[step].box].name} is known.`)],
};

// What a box sends back: its own gradient times the local derivative, or for arrays what the chain rule says.
function sending(level, link, { locals, gradients, sent }) {
  const { parent, child, local } = level.links[link];
  if (!local) {
    const formula = level.part("sent", link);
    return formula ? [display(formula, quantity(sent[link], level.boxes[parent].shape))] : [];
  }
  const factors = math("mrow", level.slope(child), math("mo", "·"), level.d(child, parent));
  const numbers = math("mrow", number(gradients[child][0], false), math("mo", "·"), number(locals[link], false));
  return [
    display(level.d(child, parent), level.part("local", link), number(locals[link])),
    display(factors, numbers, number(sent[link][0])),
  ];
}

// df/dx += sent → before + sent = after
function added(level, box, before, sent) {
  const { shape } = level.boxes[box];
  const terms = before && !shape && math("mrow", number(before[0]), math("mo", "+"), number(sent[0], false));
  const right = [terms, quantity(sum(before, sent), shape)].filter(Boolean);
  const signed = right.map((side, i) => [math("mo", i ? "=" : "→"), side]);
  return broken([level.slope(box), math("mo", "+="), quantity(sent, shape)], ...signed);
}
