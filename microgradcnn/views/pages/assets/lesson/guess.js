// A gradient that is to be guessed before it is shown.
"use strict";

// Within half of a percent, or 0.0005, it is found. `wanted` gives what it is called, as elements, and the number;
// `shown` is called with whether it may be seen.
class Guess {
  /** @type {string | undefined} */ asked;

  constructor(live, place, wanted, shown) {
    Object.assign(this, {live, place, wanted, shown, open: live.open, about: ""});
    this.input = created("input", {inputMode: "decimal", autocomplete: "off", size: 8});
    this.verdict = created("p", {role: "status"});
    this.name = created("label");
    this.form = created("form", {className: "guess", onsubmit: (event) => this.check(event)}, this.name,
      created("button", {}, "Check"), this.button("Show it", true));
    this.hide = created("p", {className: "buttons"}, this.button("Hide it, to guess", false));
    place.append(this.form, this.verdict, this.hide);
    live.watch(() => this.show());
  }

  button(words, open) {
    return created("button", {type: "button", onclick: () => this.set(open, "")}, words);
  }

  set(open, words) {
    this.open = open;
    this.input.value = "";
    this.verdict.textContent = words;
    this.show();
  }

  check(event) {
    event.preventDefault();
    const text = this.input.value.trim().replace("−", "-").replace(",", "."), guess = Number(text || NaN);
    const {number} = this.wanted();
    const near = (k) => Math.abs(guess - k * number) <= Math.max(5e-4, 5e-3 * Math.abs(k * number));
    if (near(1)) return this.set(true, "✓ Right.");
    const factor = [2, 4, 0.5, 0.25].find(near);
    this.verdict.textContent = Number.isNaN(guess) ? "A number, please." : near(-1) ? "The sign is the other one."
      : factor ? `That is ${factor} times it.` : "Not yet.";
  }

  show() {
    const {name, about} = this.wanted();
    if (about !== this.about) Object.assign(this, {about, open: this.live.open}); // another question
    if (about !== this.asked) this.name.replaceChildren(...name, " = ", this.input);
    this.asked = about;
    this.form.hidden = this.open;
    this.hide.hidden = !this.open;
    this.shown(this.open);
  }
}
