// What a training can be told on its page: buttons, the schedule, λ, the data; each a field with a label.

function made(tag, attributes = {}, ...content) {
  const element = document.createElement(tag);
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  element.append(...content);
  return element;
}

function button(words, act, attributes = {}) {
  const element = made("button", {type: "button", ...attributes}, words);
  element.addEventListener("click", act);
  return element;
}

// A choice of values by their words; `chosen` is among them.
function choice(words, options, chosen, act) {
  const select = made("select", {}, ...options.map(([text], i) => made("option", {value: i}, text)));
  select.value = String(options.findIndex(([, value]) => value === chosen));
  select.addEventListener("change", () => act(options[Number(select.value)][1]));
  return labelled(words, select);
}

function labelled(words, field) {
  return made("label", {}, made("span", {}, words), field);
}

const shortened = (number) => String(Number(number.toPrecision(4)));

// A number above 0 (or, with `least` 0, from there on), with buttons that halve and double it.
function numberField(words, value, act, {least = Number.MIN_VALUE, whole = false, halves = false} = {}) {
  const field = made("input", {type: "number", step: whole ? 1 : "any", value: shortened(value), inputmode: "decimal"});
  let exact = value; // the field has room for some of its digits
  const take = (number) => {
    const right = Number.isFinite(number) && number >= least && (!whole || Number.isInteger(number));
    field.setAttribute("aria-invalid", String(!right));
    if (right) act((exact = number));
  };
  field.addEventListener("change", () => take(Number(field.value)));
  const times = (factor) => {
    take(exact * factor);
    field.value = shortened(exact);
  };
  const label = labelled(words, field);
  if (!halves) return label;
  return made("span", {class: "field"}, label,
    button("÷2", () => times(0.5), {"aria-label": `÷2, ${words}`}),
    button("×2", () => times(2), {"aria-label": `×2, ${words}`}));
}

const DECAYS = [["constant", "constant"], ["1/(1 + 10t/T)", "inverse"], ["cosine", "cosine"],
  ["in five steps", "step"], ["exponential", "exponential"]];
const OPTIMISER_WORDS = [["gradient descent", "gradient_descent"], ["momentum", "momentum"], ["Nesterov", "nesterov"],
  ["Adam", "adam"], ["AdamW", "adamw"], ["RMSprop", "rmsprop"], ["Adagrad", "adagrad"]];
const SPEEDS = [["1 epoch a second", 1], ["4 a second", 4],
  ["15 a second", 15], ["60 a second", 60], ["as fast as it goes", Infinity]];

// Options with the value that is given among them, in order.
function withGiven(values, given, words = readable) {
  return [...new Set([...values, given])].sort((a, b) => a - b).map((x) => [words(x), x]);
}
