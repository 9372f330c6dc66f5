// "Predict": the gradients are hidden and asked for, from the end of the graph to its leaves.

class Prediction {
  constructor(level) {
    this.level = level;
    this.order = level.boxes.flatMap((box, i) => (box.gradient && !box.shape && i !== level.root ? [i] : [])).reverse();
    this.hidden = new Set(this.order);
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

  tell(results, change) {
    const { level, asked, hidden } = this;
    if (asked === undefined) return [words("There is no gradient to predict.")];
    const [{ name }, [right]] = [level.boxes[asked], results.gradients[asked]];
    if (!hidden.has(asked)) {
      const left = hidden.size ? `${hidden.size} to go: Next → asks another.` : "All gradients are found.";
      return [words(`✓ ${left}`), display(level.slope(asked), number(right))];
    }
    const input = html("input", { inputMode: "decimal", autocomplete: "off", ariaLabel: `the gradient of ${name}` });
    const verdict = html("p", { role: "status" });
    const reveal = () => {
      hidden.delete(asked);
      change();
    };
    const onsubmit = (event) => {
      event.preventDefault();
      verdict.textContent = this.wrong(input.value, right);
      if (!verdict.textContent) reveal();
    };
    const buttons = [html("button", {}, "Check"), html("button", { type: "button", onclick: reveal }, "Show it")];
    const form = html("form", { onsubmit }, equation([level.slope(asked), math("mrow")]), input, ...buttons);
    return [words(`What is the gradient of ${name}? ${hidden.size} to go.`), form, verdict, ...this.hints(results)];
  }

  // The boxes that use it, with their gradients where these are known.
  hints(results) {
    const { level } = this;
    return level.into(this.asked).map((link) => {
      const { parent, child } = level.links[link];
      const { shape } = level.boxes[child];
      const above = this.hidden.has(child) ? math("mtext", "?") : quantity(results.gradients[child], shape);
      const local = equation([level.d(child, parent), level.part("local", link)]);
      return words(equation([level.slope(child), above]), " and ", local);
    });
  }
}
