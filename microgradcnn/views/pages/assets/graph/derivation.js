// Where a gradient comes from: the derivation, the paths with their numbers, and a finite difference beside it.

const MOST_GIVEN = 5; // lines of what is computed

function derivation(level, box, results, numbers) {
  const { name, shape, gradient, place } = level.boxes[box];
  if (!gradient) return [words(`${name} is a comparison: no gradient flows through it.`)];
  const [links, steps] = [level.into(box), level.derivations[box] ?? []];
  const scalar = links.length && !shape && links.every((link) => level.links[link].local);
  const slope = level.slope(box);
  const terms = scalar && !steps.length && links.length <= 8 ? sumOfPaths(level, box, links) : null;
  const told = [
    html("h2", {}, `Where the gradient of ${name} comes from`),
    ...steps.flatMap(([title, lines]) => stepOf(title, lines.map((line) => level.formula("line", line)))),
    html("h3", {}, "Numbers"),
  ];
  const [f, value] = [level.boxes[level.root].name, results.values[level.root][0]];
  if (!Number.isFinite(value)) return [...told, words(`${f} is not finite here: it has no derivative.`)];
  return [
    ...told,
    display(slope, terms, level.filled("substituted", box, results), quantity(results.gradients[box], shape)),
    ...(scalar ? [table(level, links, results)] : links.flatMap((link) => sending(level, link, results))),
    ...(place === undefined ? [] : [holding(place), comparison(level, box, results, numbers)]),
  ];
}

// A step of a derivation, below its title. What the graph computes is in the picture: where it is long it is folded.
function stepOf(title, lines) {
  if (title !== "Loss" || lines.length < MOST_GIVEN) return [html("h3", {}, title), ...lines];
  return [html("details", {}, html("summary", {}, html("h3", {}, title), ": what is computed, with shapes"), ...lines)];
}

function sumOfPaths(level, box, links) {
  const terms = links.map((link) => {
    const { child } = level.links[link];
    return math("mrow", level.slope(child), math("mo", "·"), level.d(child, box));
  });
  return math("mrow", ...terms.flatMap((term, i) => (i ? [math("mo", "+"), term] : [term])));
}

function table(level, links, { gradients, locals, sent }) {
  const row = (...cells) => html("tr", {}, ...cells.map((cell) => html("td", {}, cell)));
  const rows = links.map((link) => {
    const { parent, child } = level.links[link];
    return row(
      display(level.part("name", child)),
      display(level.slope(child), number(gradients[child][0])),
      display(level.d(child, parent), level.part("local", link), number(locals[link])),
      display(number(sent[link][0])),
    );
  });
  const total = links.reduce((so_far, link) => so_far + sent[link][0], 0);
  const heads = ["path through", "its gradient", "local derivative", "product"];
  const head = html("tr", {}, ...heads.map((text) => html("th", { scope: "col" }, text)));
  const last = row("", "", "added up", display(number(total)));
  return html("table", {}, html("thead", {}, head), html("tbody", {}, ...rows, last));
}

// (f(x + h) − f(x − h))/2h for numbers of a leaf.
function differences(level, { place }, numbers, which) {
  return which.map((i) => {
    const h = 6e-6 * Math.max(1, Math.abs(numbers[place + i]));
    const [above, below] = [h, -h].map((s) => level.loss(numbers.with(place + i, numbers[place + i] + s)));
    return (above - below) / (2 * h);
  });
}

const [MOST_COMPARED, SOME] = [36, 6]; // numbers of an array of which all are compared, and how many otherwise

// The places of the largest numbers.
const steepestOf = (numbers, count) =>
  [...numbers.keys()].sort((a, b) => Math.abs(numbers[b]) - Math.abs(numbers[a])).slice(0, count);

function comparison(level, box, { gradients }, numbers) {
  const answer = html("div", { role: "status" });
  const onclick = () => {
    const [{ name, shape }, { name: f }] = [level.boxes[box], level.boxes[level.root]];
    const places = [...gradients[box].keys()];
    const whole = places.length <= MOST_COMPARED;
    const which = whole ? places : steepestOf(gradients[box], SOME);
    const found = differences(level, level.boxes[box], numbers, which);
    const near = found.every((x, i) => Math.abs(x - gradients[box][which[i]]) <= 1e-6 * Math.max(1, Math.abs(x)));
    const lines = () => which.map((i, k) => words(`${numberOf(name, shape, i)}: ${shown(found[k])}`));
    answer.replaceChildren(
      words(`(${f} at ${name} + h − ${f} at ${name} − h) / 2h, with a small h:`),
      ...(whole ? [display(quantity(found, shape))] : [words(`the ${SOME} largest`), ...lines()]),
      words(near ? "✓ It agrees with the gradient." : "✗ It differs: a kink nearby, rounding, or a wrong chain rule."),
    );
  };
  return html("div", {}, html("button", { onclick }, "Compare with a finite difference"), answer);
}
