// Where a shared weight acts: a filter in its places, a recurrence in its steps; each place gives the weight a path.
"use strict";

// `acts` has for every shared weight the pairs [unit, what the weight multiplies there].
function windows(section, live, acts) {
  const $ = (selector) => section.querySelector(selector), svg = $("figure svg"), shared = Object.keys(acts);
  const select = created("select", {onchange: () => live.choose(select.value)},
    ...shared.map((label) => created("option", {value: label}, plainName(label))));
  $(".choice").append(created("label", {}, "the weight ", select));
  const all = (kind, label) => (svg ? [...svg.querySelectorAll(`[data-${kind}="${CSS.escape(label)}"]`)] : []);

  function place() { // that the window is put in, from 1; 0 where it slides
    return Number(section.querySelector("fieldset.places :checked")?.value ?? 0);
  }

  live.watch(() => {
    const weight = shared.includes(live.weight) ? live.weight : shared[0], found = acts[weight], at = place();
    select.value = weight;
    for (const each of section.querySelectorAll(".acts-on, .acts-now")) each.classList.remove("acts-on", "acts-now");
    const mark = (kind, label, now) => {
      for (const each of all(kind, label)) each.classList.add(now ? "acts-now" : "acts-on");
    };
    mark("of", weight, true);
    mark("weight", weight, true);
    found.forEach(([, source], i) => mark("of", source, i === at - 1));
    $("tbody").replaceChildren(...found.map(([unit, source], i) => {
      const [met, product] = [figures(live.of(source)), figures(live.of(weight) * live.of(source))];
      const cells = [[nameOf(source), ` = ${met}`], [product], [nameOf(unit)]];
      return created("tr", {className: i === at - 1 ? "now" : ""}, created("th", {scope: "row"}, `${i + 1}`),
        ...cells.map((words) => created("td", {}, ...words)));
    }));
    const times = found.length === 2 ? "twice" : `${found.length} times`;
    $(".told").replaceChildren(nameOf(weight), ` acts ${times}. Its change reaches the loss from each of these ` +
      "places; its gradient is the sum over them.");
  });
  section.addEventListener("change", () => live.changed());
}
