// "Predict": the gradients are hidden and asked for, from the end of the graph to its leaves; of arrays one number.

const MOST_PREDICTED = 36; // numbers of an array that is asked about: as many as are shown as a matrix

class Prediction {
  constructor(level, results) {
    this.level = level;
    const { boxes, root } = level;
    const others = [...boxes.keys()].filter((box) => boxes[box].gradient && box !== root);
    this.hidden = new Set(others); // an array that is not asked about might tell
    const single = ({ ends }) => !(ends?.length > 1); // a group with many results has no gradient of its own
    const few = (box) => 0 < sizeOf(boxes[box]) && sizeOf(boxes[box]) <= MOST_PREDICTED && single(boxes[box]);
    this.order = others.filter(few).reverse();
    // Of an array the largest is asked for: a gradient of 0 says little.
    this.places = new Map(this.order.map((box) => [box, steepestOf(results.gradients[box], 1)[0]]));
    this.left = this.order.length;
    this.asked = this.order[0];
  }

  ask(box) {
    if (this.order.includes(box)) this.asked = box;
  }

  move(by) {
    this.asked = this.order[this.order.indexOf(this.asked) + by] ?? this.asked;
  }

  // What is wrong with an answer, "" if it agrees in three digits, or to 0.0005.
  wrong(text, right) {
    const answer = Number(text.trim().replace("−", "-").replace(",", ".") || NaN);
    const near = (a, b) => Math.abs(a - b) <= Math.max(5e-4, 5e-3 * Math.abs(b));
    if (Number.isNaN(answer)) return "A number, please.";
    if (near(answer, right)) return "";
    if (near(-answer, right)) return "Nearly: the sign is the other one.";
    const factor = [2, 4, 0.5, 0.25].find((k) => near(answer, k * right));
    return factor ? `Nearly: that is ${factor} times the gradient.` : "Not yet: what do the boxes that use it send?";
  }

  reveal(box) {
    this.hidden.delete(box);
    if (!--this.left) this.hidden.clear();
  }

  tell(results, change) {
    const { level, asked, hidden } = this;
    if (asked === undefined) return [words("There is no gradient to predict.")];
    const { name, shape } = level.boxes[asked];
    const place = this.places.get(asked);
    const right = results.gradients[asked][place];
    if (!hidden.has(asked)) {
      const left = this.left ? `${this.left} to go: Next → asks another.` : "All gradients are found.";
      return [words(`✓ ${left}`), display(level.slope(asked), quantity(results.gradients[asked], shape))];
    }
    const which = shape ? numberOf(name, shape, place) : name;
    const input = html("input", { inputMode: "decimal", autocomplete: "off", ariaLabel: `the gradient of ${which}` });
    const verdict = html("p", { role: "status" });
    const reveal = () => {
      this.reveal(asked);
      change();
    };
    const onsubmit = (event) => {
      event.preventDefault();
      verdict.textContent = this.wrong(input.value, right);
      if (!verdict.textContent) reveal();
    };
    const buttons = [html("button", {}, "Check"), html("button", { type: "button", onclick: reveal }, "Show it")];
    const at = shape ? math("mtext", `\u00a0at [${indicesOf(shape, place)}]`) : math("mrow");
    const form = html("form", { onsubmit }, equation([math("mrow", level.slope(asked), at), math("mrow")]), input);
    form.append(...buttons);
    return [words(`What is the gradient of ${which}? ${this.left} to go.`), form, verdict, ...this.hints(results)];
  }

  // The boxes that use it, with their gradients where these are known.
  hints(results) {
    const { level } = this;
    return level.into(this.asked).map((link) => {
      const { parent, child, local } = level.links[link];
      const { shape } = level.boxes[child];
      const above = this.hidden.has(child) ? math("mtext", "?") : quantity(results.gradients[child], shape);
      // What is sent may be a number, which is the answer, and so is the end's own local derivative: there it is said
      // what is computed.
      const sides = local && child !== level.root
        ? [level.d(child, parent), level.part("local", link)]
        : [level.part("name", child), level.part("formula", child)];
      return html("div", { className: "wide hint" }, equation([level.slope(child), above]), " and ", equation(sides));
    });
  }
}
