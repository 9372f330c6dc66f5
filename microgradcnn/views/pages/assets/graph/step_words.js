// What a step does, in words and formulas: what is computed from which numbers, and every += into a gradient.

const MOST_LISTED = 4; // names of boxes

// What can be done, below the first words.
const invitations = (level) => [
  words(level.backward ? "A click on a box, or Enter, derives its gradient." : ""),
  words(level.live ? "Any number can be changed." : ""),
  words(level.boxes.some(({ group }) => group !== undefined) ? "A + opens what is drawn as one box." : ""),
];

const tellings = {
  start: (level) => [
    words("The leaves have their numbers; nothing is computed yet. Next → computes the first box."),
    ...invitations(level),
  ],

  opening: (level) => [
    words("All values and gradients are computed: ←\u00a0Back and the slider show how, step by step."),
    ...invitations(level),
  ],

  forward(level, step, results) {
    const { box } = level.steps[step];
    const { name, shape } = level.boxes[box];
    const formula = [level.part("name", box), level.part("formula", box)];
    const from = otherEnds(level, box, "child", "parent");
    if (!results) return [words(`Forward: ${name} is computed${from ? ` from ${from}` : ""}.`), display(...formula)];
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
      ...(level.links[link].local ? sending(level, link, results) : []),
      added(level, link, before, sent),
    ];
  },

  recorded(level, step) {
    const { box } = level.steps[step];
    const [{ name }, from] = [level.boxes[box], box === level.root ? "" : otherEnds(level, box, "parent", "child")];
    return [words(`Backward: the gradient of ${name} is known${from ? `, by what ${from} sent back` : ""}.`)];
  },
};

// The names of the boxes at the other ends of a box's links.
function otherEnds(level, box, here, there) {
  const ends = new Set(level.links.filter((link) => link[here] === box).map((link) => link[there]));
  const names = [...ends].map((end) => level.boxes[end].name);
  if (names.length > MOST_LISTED) names.splice(MOST_LISTED, Infinity, `${names.length - MOST_LISTED} more`);
  return names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names.join("");
}

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

// df/dx += sent → before + sent = after; of an array what is sent is what the chain rule says.
function added(level, link, before, sent) {
  const { parent, local } = level.links[link];
  const [{ shape }, slope] = [level.boxes[parent], level.slope(parent)];
  const formula = local ? null : level.part("sent", link);
  const [coming, first] = [distinct([formula, quantity(sent, shape)]), !before && (shape || formula)];
  const terms = before && !shape && math("mrow", number(before[0]), math("mo", "+"), number(sent[0], false));
  const right = first ? [] : [terms, quantity(sum(before, sent), shape)].filter(Boolean);
  const signed = (sides, sign) => sides.map((side, i) => [math("mo", i ? "=" : sign), side]);
  const [head, ...others] = signed(coming, "+=");
  return broken([slope, ...head], ...others, ...signed(right, "→"));
}
