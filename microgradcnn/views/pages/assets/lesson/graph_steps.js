// The graph stepped through without a key: forward every box gets its number, backward its gradient once it is guessed.
"use strict";

// From the end of the graph to its leaves a gradient is asked for at every box; what is found stays in the drawing.
// `graph` has what boxes there are, what they show, and what is said of a step; `live` says when numbers change.
function graphSteps(section, live, graph) {
  const $ = (selector) => section.querySelector(selector), figure = $("figure"), told = $(".told"), ask = $(".ask");
  const {root, computed, asked} = graph, seed = computed.length + 1, known = new Set([root]);
  const steps = [["start", root], ...computed.map((n) => ["forward", n]),
    ...asked.toReversed().map((n) => ["back", n])];
  let at = 0;

  const forwardTo = (n) => !computed.includes(n) || computed.indexOf(n) < at;
  const guess = new Guess(live, ask, () => {
    const [kind, place] = steps[at], n = kind === "back" ? place : root;
    return {about: String(n), number: graph.number(n), name: graph.name(n)};
  }, (open) => show(open));

  function show(open) {
    const [kind, n] = steps[at], back = kind === "back", seen = (each) => known.has(each) && at >= seed;
    ask.hidden = !back || n === root;
    if (back && open) known.add(n);
    const gradient = (each) => at < seed || !asked.includes(each) ? ""
      : `∂ ${seen(each) ? graph.gradient(each) : "?"}`;
    drawBoxes(figure, {
      edges: graph.edges().map(([p, to]) => [p, to, back ? p === n : kind === "forward" && to === n]),
      words: graph.words, beside: graph.beside,
      about: `The graph of ${graph.words(root)}, at step ${at} of ${steps.length - 1}`,
      under: (each) => {
        const both = [forwardTo(each) ? graph.value(each) : "…", gradient(each)];
        return graph.beside ? both : [both.join("  ")];
      },
      fill: (each) => (forwardTo(each) ? graph.fill(each) : "none")});
    $(".where").textContent = `Step ${at} of ${steps.length - 1}`;
    $("[name=back]").disabled = at === 0;
    $("[name=next]").disabled = at === steps.length - 1;
    told.replaceChildren(...words(kind, n, open, seen));
    bringIntoView(figure);
  }

  function words(kind, n, open, seen) {
    graph.start?.();
    if (kind === "start") return ["The leaves have their numbers. The next step computes the first box."];
    if (kind === "forward") return graph.forward(n);
    if (n === root) return ["Backward begins at the end, where ", ...graph.name(n), " = 1."];
    return graph.back(n, open, seen);
  }

  const go = (to) => {
    at = Math.min(Math.max(to, 0), steps.length - 1);
    guess.show();
  };
  const moves = {first: () => 0, back: () => at - 1, next: () => at + 1, last: () => seed};
  for (const [name, to] of Object.entries(moves)) $(`[name=${name}]`).addEventListener("click", () => go(to()));
  go(0);
}

// Scrolls a figure, and nothing around it, to what is lit in it.
function bringIntoView(figure) {
  const lit = figure.querySelector("g.lit[data-node]"), frame = figure.getBoundingClientRect();
  if (!lit) return;
  const {left, right, top, bottom} = lit.getBoundingClientRect();
  figure.scrollBy(Math.max(0, right - frame.right) + Math.min(0, left - frame.left),
    Math.max(0, bottom - frame.bottom) + Math.min(0, top - frame.top));
}
