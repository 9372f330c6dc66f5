// The named nodes of a graph as stations: the edges between them with their local derivatives, and paths along these.
"use strict";

const MOST_PATHS = 60; // that are counted out

// The edges [from, to, local derivative] between the nodes with a name, what is computed between them taken together;
// with θ only those on its paths to the loss.
function stationsOf(program, theta = null) {
  const {nodes, root} = program, named = (n) => nodes[n].label !== null || n === root, found = [];
  const below = nodes.map((_, n) => theta === null || n === theta);
  nodes.forEach(({parents}, n) => parents.some((p) => below[p]) && (below[n] = true));
  const above = new Set([root]);
  for (let n = root; n >= 0; n--) if (above.has(n)) nodes[n].parents.forEach((p) => below[p] && above.add(p));
  for (const to of [...above].filter((n) => named(n) && nodes[n].parents.length).sort((a, b) => a - b)) {
    const sent = new Map([[to, 1]]);
    for (let n = to; n >= 0; n--) {
      if (!sent.has(n) || (named(n) && n !== to)) continue;
      nodes[n].parents.forEach((p, k) => {
        if (above.has(p) && !nodes[p].constant) sent.set(p, (sent.get(p) ?? 0) + sent.get(n) * program.slopes[n][k][0]);
      });
    }
    for (const [from, local] of [...sent].sort(([a], [b]) => a - b))
      if (from !== to && named(from)) found.push([from, to, local]);
  }
  return found;
}

// The paths from a station to the loss, each its edges in order, and how many there are.
function pathsAlong(edges, from, root) {
  const paths = [], counts = new Map([[root, 1]]);
  for (const n of [...new Set(edges.map(([p]) => p))].sort((a, b) => b - a))
    counts.set(n, edges.reduce((sum, [p, to]) => sum + (p === n ? counts.get(to) ?? 0 : 0), 0));
  const walk = (n, path) => {
    if (paths.length === MOST_PATHS) return;
    if (n === root) paths.push(path);
    else for (const each of edges) if (each[0] === n) walk(each[1], [...path, each]);
  };
  walk(from, []);
  return {paths, count: counts.get(from) ?? 0};
}

const productOf = (path) => path.reduce((product, [, , local]) => product * local, 1);

// Draws stations with their values and, where they may be seen, the local derivatives on the arrows; `lit` are edges.
function drawStations(figure, live, theta = null, lit = [], open = false) {
  const {program} = live, on = live.graph.nodes.findIndex(([, , label]) => label === theta);
  const edges = stationsOf(program, lit.length ? on : null), bright = new Set(lit.map(([p, n]) => `${p} ${n}`));
  if (!edges.length) return figure.replaceChildren();
  const about = lit.length ? `The paths from ${theta} to ${live.f}.` : `The graph of ${live.f}, with its numbers.`;
  drawBoxes(figure, {
    edges: edges.map(([p, n]) => [p, n, bright.has(`${p} ${n}`)]), words: (n) => live.words(n), about,
    under: (n) => [figures(live.value(n), 3)], fill: (n) => tint(live.value(n), 1),
    along: open ? edges.map(([, , local]) => figures(local, 3)) : null});
}

// One path from a weight to the loss: its stations in a row, a factor at every arrow.
function onePath(section, live) {
  const $ = (selector) => section.querySelector(selector), list = $(".chain");
  let at = 0, weight = null;
  $(".choice").prepend(weightChoice(live, "from the weight"));
  const walks = () => {
    const edges = stationsOf(live.program, live.place(live.weight));
    return pathsAlong(edges, live.place(live.weight), live.program.root);
  };
  const guess = new Guess(live, $(".ask"), () => {
    const {paths} = walks();
    if (live.weight !== weight) // begins with a path by which something arrives
      [at, weight] = [Math.max(0, paths.findIndex((path) => productOf(path))), live.weight];
    return {about: `${weight} ${at}`, number: paths[at] ? productOf(paths[at]) : 0, name: ["the product along it"]};
  }, (open) => show(open));

  function show(open) {
    const {paths, count} = walks(), path = paths[at] ?? [];
    const station = (n) => created("li", {className: "station"}, nameOf(live.words(n)),
      created("output", {}, figures(live.value(n))));
    const part = (n) => created("span", {}, "d", nameOf(live.words(n)));
    const arrow = ([p, n, local]) => created("li", {className: "factor"},
      created("span", {className: "slope"}, part(n), part(p)), created("output", {}, open ? figures(local) : "?"));
    const begin = path.length ? [station(path[0][0])] : [];
    list.replaceChildren(...begin, ...path.flatMap((each) => [arrow(each), station(each[1])]));
    $(".where").textContent = `Path ${path.length ? at + 1 : 0} of ${count}`;
    $("[name=back]").disabled = at === 0;
    $("[name=next]").disabled = at + 1 >= paths.length;
    const bracketed = (x) => (x < 0 ? `(${figures(x)})` : figures(x));
    const factors = path.map(([, , local]) => bracketed(local)).join(" · ");
    $(".told").textContent = !path.length ? "The loss does not depend on it." : open
      ? `${factors} = ${figures(productOf(path))}: so much of a change of ${plainName(live.weight)} arrives this way.`
      : "Multiply the local derivatives along the path.";
  }
  const move = (by) => {
    at += by;
    guess.show();
  };
  $("[name=back]").addEventListener("click", () => move(-1));
  $("[name=next]").addEventListener("click", () => move(1));
}

// All paths from a weight, with the product of each, and their sum, the gradient.
function allPaths(section, live) {
  const $ = (selector) => section.querySelector(selector), figure = $("figure"), body = $("tbody");
  $(".choice").prepend(weightChoice(live, "from the weight"));
  new Guess(live, $(".ask"), () => ({about: live.weight, number: live.gradient(live.weight),
    name: ["d", created("var", {}, live.f), "/d", nameOf(live.weight)]}), (open) => {
    const from = live.place(live.weight), edges = stationsOf(live.program, from);
    const {paths, count} = pathsAlong(edges, from, live.program.root);
    drawStations(figure, live, live.weight, edges, open);
    const called = (n) => nameOf(live.words(n));
    const route = (path) => path.flatMap(([p, n], i) => [...(i ? [] : [called(p)]), " → ", called(n)]);
    const row = (kind, words, number) => created("tr", {className: kind}, created("th", {scope: "row"}, ...words),
      created("td", {className: "number"}, open ? figures(number) : "?"));
    const more = count > paths.length ? [created("tr", {}, created("th", {}, `and ${count - paths.length} more`))] : [];
    const sum = ["added up: d", created("var", {}, live.f), "/d", nameOf(live.weight)];
    body.replaceChildren(...paths.map((path) => row("", route(path), productOf(path))), ...more,
      row("sum", sum, live.gradient(live.weight)));
  });
}

// What the steps through a graph of numbers show and say.
function scalarSteps(live) {
  const {root} = live.graph, edges = () => stationsOf(live.program);
  const boxes = [...new Set(edges().flatMap(([p, n]) => [p, n]))].sort((a, b) => a - b);
  const slope = (n) => ["d", created("var", {}, live.f), "/d", nameOf(live.words(n))];
  const number = (n) => live.program.sent(root)[n]?.[0] ?? 0, name = (n) => nameOf(live.words(n));
  return {
    root, edges, number, name: slope, asked: boxes, beside: true,
    computed: boxes.filter((n) => live.graph.nodes[n][1].length),
    words: (n) => live.words(n),
    value: (n) => figures(live.value(n), 3),
    gradient: (n) => figures(number(n), 3),
    fill: (n) => tint(live.value(n), 1),
    forward: (n) => ["Forward: ", name(n), ` = ${figures(live.value(n))}`],
    back: (n, open, seen) => ["Backward: ", ...slope(n), " = ", ...edges().filter(([p]) => p === n)
      .flatMap(([, to, local], i) => [i ? " + " : "", ...slope(to), ` (${seen(to) ? figures(number(to), 3) : "?"}) · d`,
        name(to), "/d", name(n), ` (${open ? figures(local, 3) : "?"})`])],
  };
}
