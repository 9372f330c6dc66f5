// The graph stepped through without a key: forward every box gets its number, backward its gradient once it is guessed.
"use strict";

// From the end of the graph to its leaves a gradient is asked for at every box; what is found stays in the drawing.
function graphSteps(section, live) {
  const $ = (selector) => section.querySelector(selector), figure = $("figure"), told = $(".told"), ask = $(".ask");
  const edges = () => stationsOf(live.program), root = live.graph.root;
  const boxes = [...new Set(edges().flatMap(([p, n]) => [p, n]))].sort((a, b) => a - b);
  const computed = boxes.filter((n) => live.graph.nodes[n][1].length);
  const steps = [null, ...computed.map((n) => ["forward", n]), ...boxes.toReversed().map((n) => ["backward", n])];
  const seed = computed.length + 1, known = new Set([root]);
  let at = 0;

  const slope = (n) => ["d", created("var", {}, live.f), "/d", nameOf(live.words(n))];
  const gradients = () => live.program.sent(root);
  const forwardTo = (n) => !computed.includes(n) || computed.indexOf(n) < at;

  const guess = new Guess(live, ask, () => {
    const [kind, place] = steps[at] ?? ["start", root], n = kind === "backward" ? place : root;
    return {about: String(n), number: gradients()[n]?.[0] ?? 0, name: slope(n)};
  }, (open) => show(open));

  function show(open) {
    const [kind, n] = steps[at] ?? ["start", -1], back = kind === "backward";
    ask.hidden = !back || n === root;
    if (back && open) known.add(n);
    const found = gradients(), all = edges();
    const gradient = (each) => (known.has(each) && at >= seed ? figures(found[each]?.[0] ?? 0, 3) : "?");
    drawBoxes(figure, {
      edges: all.map(([p, to]) => [p, to, back ? p === n : to === n]), words: (each) => live.words(each),
      about: `The graph of ${live.f}, at step ${at} of ${steps.length - 1}`,
      under: (each) => [forwardTo(each) ? figures(live.value(each), 3) : "…", at >= seed ? `∂ ${gradient(each)}` : ""],
      fill: (each) => (forwardTo(each) ? tint(live.value(each), 1) : "none")});
    $(".where").textContent = `Step ${at} of ${steps.length - 1}`;
    $("[name=back]").disabled = at === 0;
    $("[name=next]").disabled = at === steps.length - 1;
    told.replaceChildren(...words(kind, n, all, gradient, open));
    figure.querySelector(".lit")?.scrollIntoView({block: "nearest", inline: "nearest"});
  }

  function words(kind, n, all, gradient, open) {
    if (kind === "start") return ["The leaves have their numbers. Next → computes the first box."];
    if (kind === "forward") return ["Forward: ", nameOf(live.words(n)), ` = ${figures(live.value(n))}`];
    if (n === root) return ["Backward begins at the end, where ", ...slope(n), " = 1."];
    const into = all.filter(([p]) => p === n).flatMap(([, to, local], i) => [
      i ? " + " : "", ...slope(to), ` (${gradient(to)}) · d`, nameOf(live.words(to)), "/d", nameOf(live.words(n)),
      ` (${open ? figures(local, 3) : "?"})`]);
    return ["Backward: ", ...slope(n), " = ", ...into];
  }

  const go = (to) => {
    at = Math.min(Math.max(to, 0), steps.length - 1);
    guess.show();
  };
  const moves = {first: () => 0, back: () => at - 1, next: () => at + 1, last: () => seed};
  for (const [name, to] of Object.entries(moves)) $(`[name=${name}]`).addEventListener("click", () => go(to()));
  go(0);
}
