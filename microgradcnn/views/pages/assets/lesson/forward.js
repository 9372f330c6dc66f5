// The forward pass, formula by formula: what is computed from what, with the numbers of this moment.
"use strict";

function forward(section, live) {
  const rows = [...section.querySelectorAll("li")], $ = (name) => section.querySelector(`[name=${name}]`);
  let step = rows.length; // as many rows have their numbers

  const alone = (part) => { // whether nothing but brackets is beside it
    const within = () => part.parentElement.localName !== "math" && part.parentElement.children.length === 1;
    while (within()) part = part.parentElement;
    const [before, after] = [part.previousElementSibling, part.nextElementSibling].map((e) => e?.textContent);
    return before === undefined && after === undefined || before === "(" && after === ")";
  };
  const filled = (slot) => {
    const text = figures(live.value(Number(slot.dataset.value)));
    return /^−|e/.test(text) && !alone(slot) ? `(${text})` : text;
  };
  const show = () => rows.forEach((row, i) => {
    const known = i < step;
    row.classList.toggle("later", !known);
    row.classList.toggle("now", i === step - 1 && step < rows.length);
    for (const slot of row.querySelectorAll("[data-value]")) {
      const number = document.createElementNS("http://www.w3.org/1998/Math/MathML", "mn");
      number.textContent = known ? filled(slot) : "…";
      slot.replaceChildren(number);
    }
    row.querySelector("output").textContent = known ? figures(live.value(Number(row.dataset.place))) : "…";
  });
  const go = (to) => {
    step = Math.min(Math.max(to, 0), rows.length);
    $("next").disabled = step === rows.length;
    show();
    rows[step - 1]?.scrollIntoView({block: "nearest"});
  };
  $("first").addEventListener("click", () => go(0));
  $("next").addEventListener("click", () => go(step + 1));
  $("all").addEventListener("click", () => go(rows.length));
  for (const numbers of section.querySelectorAll(".numbers")) numbers.hidden = false;
  live.watch(show);
  $("next").disabled = true;
}
