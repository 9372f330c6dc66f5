// A loss in the browser: its program at random points and over rows of data, descent, and a chart of losses.
"use strict";

// `program` computes `outputs`, f first, from the numbers of the parameters and then of a row's columns. `gradient`
// computes the derivatives of f by the parameters; where it is null, finite differences of the program do. `graph` has
// the nodes of f, from which answers are judged.
function problem({parameters, columns, outputs, rows, start, trained, activation, squared, program, gradient, graph}) {
  const leaves = [...parameters, ...columns];

  const f = (v, i, by) => program(v.with(i, v[i] + by))[0];
  const slopes = gradient ?? ((v) => parameters.map((_, i) => (f(v, i, 1e-5) - f(v, i, -1e-5)) / 2e-5));

  const values = (v) => { // of every name that a formula may use
    const found = new Map(leaves.map((name, i) => [name, v[i]]));
    program(v).forEach((x, i) => found.set(outputs[i], x));
    return found;
  };

  // Every gradient at random points, found from the graph of the loss when an answer first asks for it.
  const kept = new Map();
  const evidence = (parameter) =>
    kept.get(parameter) ?? kept.set(parameter, new Evidence(graph, parameter)).get(parameter);

  function known(parameter) { // the names that a formula may use
    const {values, loss} = evidence(parameter);
    return formula.names([...values.keys()], activation, [loss, parameter]);
  }

  function evaluator(parameter, text) { // of the values that `values` gives; λ is a number
    const value = formula.evaluator(formula.parse(text, known(parameter)));
    const lambda = evidence(parameter).values.get("lambda")?.[0];
    return (own) => value(lambda === undefined || own.has("lambda") ? own : new Map([...own, ["lambda", lambda]]));
  }

  const mean = (numbers) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
  const loss = (weights) => mean(rows.map((row) => program([...weights, ...row])[0]));

  // The steps of gradient descent, weights and loss each. `formulas` maps parameters to functions of the values, which
  // take the place of their derivatives; `bent` makes a mistake in a gradient; `moving` says which parameters move.
  function descend(weights, rate, steps, {formulas = new Map(), bent = (g) => g, moving = (_) => true} = {}) {
    const path = [{weights, loss: loss(weights)}];
    while (path.length <= steps && path.at(-1).loss < 1e6) {
      const each = rows.map((row) => {
        const v = [...weights, ...row], g = bent(slopes(v)), known = formulas.size ? values(v) : null;
        return parameters.map((name, i) => (formulas.has(name) ? formulas.get(name)(known) : g[i]));
      });
      weights = weights.map((x, i) => (moving(parameters[i]) ? x - rate * mean(each.map((g) => g[i])) : x));
      path.push({weights, loss: loss(weights)});
    }
    return path;
  }

  const targets = rows.map((row) => row.at(-1)); // what guessing costs is known of a squared error alone
  const guessing = squared ? mean(targets.map((y) => (y - mean(targets)) ** 2)) : Infinity;
  return {
    parameters, leaves, outputs, rows, start, trained, activation, graph, evidence, known, evaluator, loss, descend,
    guessing, values, slopes};
}

// Curves of losses over the steps in an <svg>, each [class, numbers], on a logarithmic scale; `level` is a dashed line,
// if it is finite.
function chart(svg, curves, level) {
  const steps = Math.max(...curves.map(([, losses]) => losses.length)) - 1;
  const least = Math.min(1, ...[level, ...curves.flatMap(([, losses]) => losses)].filter((loss) => loss > 1e-6));
  const most = Math.max(Number.isFinite(level) ? level : 0, 0.1, ...curves.map(([, losses]) => losses[0] ?? 0));
  const high = Math.ceil(Math.log10(3 * most)), low = Math.min(high - 1, Math.floor(Math.log10(least)));
  const shown = (power) => (power > -3 && power < 4 ? String(Number((10 ** power).toPrecision(1)))
    : "10" + [...String(power)].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join(""));
  const x = (i) => 56 + (560 * i) / steps, log = (loss) => Math.log10(Math.max(loss, 1e-9));
  const y = (loss) => 20 + 210 * (high - log(loss)) / (high - low);
  const ticks = Array.from({length: high - low + 1}, (_, i) => low + i);
  const text = (at, line, words, anchor) => shape("text", {x: at, y: line, "text-anchor": anchor}, [words]);
  const across = (name, loss) => shape("line", {class: name, x1: 56, x2: 616, y1: y(loss), y2: y(loss)});
  const point = (loss, i) => `${x(i).toFixed(1)},${Math.max(-99, y(loss)).toFixed(1)}`;
  const curve = ([name, losses]) =>
    shape("polyline", {class: name, points: losses.filter((loss) => loss >= 0).map(point).join(" ")});
  svg.replaceChildren(
    ...ticks.flatMap((t) => [across("grid", 10 ** t), text(50, y(10 ** t) + 5, shown(t), "end")]),
    ...[0, 0.25, 0.5, 0.75, 1].map((t) => text(x(t * steps), 260, Math.round(t * steps), "middle")),
    text(616, 286, "steps", "end"), text(64, 14, "loss", "start"),
    ...(Number.isFinite(level) ? [across("level", level)] : []),
    shape("svg", {x: 56, y: 20, width: 562, height: 212, viewBox: "56 20 562 212"}, curves.map(curve)));
}
