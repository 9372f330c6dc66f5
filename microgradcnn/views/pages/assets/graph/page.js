// The page: what it shows now, and what its keys, buttons and fields change.

const at = (id) => document.getElementById(id);
const panel = at("telling");
const pictures = new Map();
const canvas = new Canvas(figure);
const start = { level: levels[0], step: 0, numbers: recordedNumbers, opening: false };
/** @type {Partial<State>} */ const drawn = {}; // what of the state its fields, chart and legend show
/** @type {State} */ const state = { ...start, derived: null, prediction: null, losses: [], pointed: null };

function picture() {
  if (!pictures.has(state.level)) pictures.set(state.level, new Picture(state.level, derive, point, toggle));
  return pictures.get(state.level);
}

function change(changes) {
  Object.assign(state, changes);
  const { level, numbers, derived, prediction, losses } = state;
  const step = prediction ? level.last : state.step;
  const results = level.compute(numbers);
  canvas.show(picture());
  picture().paint(step, results, lit(), prediction?.hidden ?? new Set());
  panel.replaceChildren(...told(level, step, results));
  wide.disconnect();
  for (const box of panel.querySelectorAll(".wide")) wide.observe(box);
  requestAnimationFrame(reachable);
  if (derived !== null) panel.prepend(html("button", { id: "close", onclick: keys.Escape }, "Close"));
  [at("scrub").max, at("scrub").value] = [level.last, step];
  at("where").textContent = prediction ? "" : `Step ${step} of ${level.last}`;
  for (const id of ["first", "back"]) at(id).ariaDisabled = !prediction && step === 0;
  for (const id of ["forward", "last"]) at(id).ariaDisabled = !prediction && step === level.last;
  at("predict").ariaPressed = prediction !== null;
  if (levels.includes(level)) at("level").value = levels.indexOf(level);
  showGroups();
  if (drawn.numbers !== numbers) showNumbers(numbers);
  if (drawn.losses !== losses) draw(losses, endOf(level));
  if (drawn.level !== level) at("legend").replaceChildren(...legend(level));
  Object.assign(drawn, { level, numbers, losses });
  document.body.classList.toggle("deriving", derived !== null);
  point(state.pointed);
  document.dispatchEvent(new CustomEvent("changed"));
}

// What is told can be scrolled with keys where it is longer than its place.
function reachable() {
  if (panel.scrollHeight > panel.clientHeight + 1) panel.tabIndex = 0;
  else panel.removeAttribute("tabindex");
}

function told(level, step, results) {
  if (state.prediction) return state.prediction.tell(results, () => change({}));
  if (state.derived !== null) return derivation(level, state.derived, results, state.numbers);
  return tellings[kindOf(step)](level, step, results);
}

// Of which kind a step is; until one is asked for, what is complete is told as such.
function kindOf(step) {
  return state.opening && step === state.level.last ? "opening" : state.level.steps[step].kind;
}

// The boxes and links that the panel speaks of.
function lit() {
  const { level, derived, prediction } = state;
  const about = prediction?.asked ?? derived;
  const ends = (links) => links.flatMap((link) => [level.links[link].child, level.links[link].parent]);
  if (about !== null) return { boxes: [...ends(level.into(about)), about], links: level.into(about) };
  const [kind, { box, link }] = [kindOf(state.step), level.steps[state.step]];
  if (kind === "backward") return { boxes: ends([link]), links: [link] };
  const links = level.links.flatMap(({ child }, i) => (kind === "forward" && child === box ? [i] : []));
  return { boxes: ["start", "opening"].includes(kind) ? [] : [box ?? level.root], links };
}

// Lights the paths from a box to the end, and tells them; none for null.
function point(box) {
  state.pointed = box;
  const [{ level, numbers, prediction, step }, { paths }] = [state, picture()];
  picture().light(box === null ? NOTHING : paths.from(box));
  const known = !prediction && level.computedAt(level.root, step);
  const told = (box) => [...paths.told(box, known ? level.compute(numbers) : null), ...windowIn(level, box, results())];
  at("paths").replaceChildren(...(box === null ? [] : told(box)));
  if (box !== null) at("paths").classList.toggle("low", canvas.above(box));
}

function go(step) {
  const { level, prediction } = state;
  state.opening = false;
  if (prediction) {
    prediction.move(Math.sign(step - state.step));
    change({});
    return canvas.reveal(lit().boxes);
  }
  change({ step: Math.min(Math.max(step, 0), level.last), derived: null });
  follow();
  rememberStep();
}

// Brings into sight what the step is about; at the start what the next one computes, and from what.
function follow() {
  const { step, level } = state;
  const next = step ? undefined : level.steps[1]?.box;
  const before = level.links.flatMap(({ parent, child }) => (child === next ? [parent] : []));
  canvas.reveal(next === undefined ? lit().boxes : [...before, next]);
}

function predicted() {
  const { level, numbers } = state;
  return level.backward ? new Prediction(level, level.compute(numbers)) : null;
}

function derive(box) {
  if (!state.level.live) return;
  state.prediction?.ask(box);
  if (!state.level.backward) go(state.level.known[box]);
  else change(state.prediction ? {} : { derived: box });
  const chooser = choosers.find(({ leaf }) => leaf.place === state.level.boxes[box].place);
  if (chooser && state.level.boxes[box].shape) chooser.open();
  canvas.reveal(lit().boxes);
  panel.scrollTop = 0;
}

// The step of another level that has come as far, in the same pass.
function stepIn(level) {
  const [[middle, last], [before, end]] = [level, state.level].map(({ seed, last }) => [seed - 1, last]);
  const { step } = state;
  if (step <= before) return Math.round((step / (before || 1)) * middle);
  return middle + Math.round(((step - before) / (end - before)) * (last - middle));
}

// Opens a group or closes it: the same graph, drawn anew around it, and as far stepped through as before.
function toggle(group) {
  const { level } = state;
  const closed = new Set(closedIn(level));
  if (!closed.delete(group)) closed.add(group);
  else for (const other of innerGroups(group)) closed.add(other); // one door at a time
  const [from, view] = [picture(), new View([...closed], level.title)];
  if (view.boxes.length > Math.max(MOST_SHOWN, level.boxes.length)) return refuse(group, view.boxes.length);
  change({ level: view, step: stepIn(view), derived: null, prediction: null, pointed: null });
  canvas.rearrange(from, group);
  remember();
}

// A group that stays closed, since a picture of all that is in it could not be read.
function refuse(group, count) {
  const { boxes } = state.level;
  const fits = count - boxes.length < MOST_SHOWN; // alone
  const other = fits && boxes.some(({ ends, group }) => group === undefined && innermost[ends[0]] !== null);
  const open = `With ${data.groups[group].name} open there would be ${count} boxes`;
  const most = `a picture shows at most ${MOST_SHOWN}${other ? ": close another group first" : ""}`;
  panel.prepend(html("p", { className: "refused" }, `${open}, and ${most}.`));
  panel.scrollTop = 0;
  at("groups").dataset.told = "";
  showGroups();
}
document.addEventListener("close-group", ({ detail }) => toggle(detail.group));

// All groups of the graph, ticked where they are open.
function showGroups() {
  const closed = closedIn(state.level);
  const told = `closed: ${closed}`;
  if (at("groups").dataset.told === told) return;
  at("groups").dataset.told = told;
  const shut = new Set(closed);
  const inside = (group) => {
    const { outer } = data.groups[group];
    return outer !== null && (shut.has(outer) || inside(outer));
  };
  const all = closed === null ? [] : [...data.groups.keys()].filter((group) => !inside(group));
  const isFormula = (group) => data.groups[group].kind === "segment";
  const shown = [...all.filter((group) => !isFormula(group)), ...all.filter(isFormula)];
  at("groups").hidden = !shown.length;
  const ticks = shown.map((group) => {
    const tick = html("input", { type: "checkbox", checked: !shut.has(group), onchange: () => toggle(group) });
    return html("label", {}, tick, ` ${data.groups[group].name}`);
  });
  at("groups").replaceChildren(html("summary", {}, "Groups"), ...ticks);
}

// The address follows, for slides; a page inside another has none.
let listed = 0; // the level of the page that is shown, or whose groups were opened
function remember() {
  if (location.protocol === "about:") return;
  const address = addressOf(state, canvas, listed);
  if (address !== location.hash) history.replaceState(null, "", address);
}

// While a key is held the address follows now and then: a new one costs more than a step, and browsers refuse too many.
const PAUSE = 100; // milliseconds
let [remembered, waiting] = [-PAUSE, 0]; // when a step was put there last, and the timer of the next time
function rememberStep() {
  clearTimeout(waiting);
  const early = remembered + PAUSE - performance.now();
  if (early > 0) return void (waiting = setTimeout(rememberStep, early));
  remembered = performance.now();
  remember();
}

function recall() {
  const wanted = asked(location.hash);
  listed = wanted.listed;
  state.opening = data.computed && wanted.step === null;
  const view = wanted.closed && new View(wanted.closed, levels[listed].title);
  const most = Math.max(MOST_SHOWN, levels[listed].boxes.length);
  const level = view && view.boxes.length <= most ? view : levels[listed];
  const step = Math.trunc(Number(wanted.step ?? (data.computed ? level.last : level.seed - 1))) || 0;
  change({ level, step: Math.min(Math.max(step, 0), level.last), derived: null, prediction: null });
  if (wanted.view) canvas.look(wanted.view);
  else if (wanted.step !== null) follow();
}

function setNumber(place, number) {
  change({ numbers: state.numbers.with(place, number), losses: [] });
}

function takeSteps(count) {
  const { level, numbers, losses } = state;
  const after = descend(level, numbers, at("rate").valueAsNumber || 0, count);
  const before = losses.length ? losses : [level.loss(numbers)];
  change({ numbers: after.numbers, losses: [...before, ...after.losses] });
}

const keys = {
  ArrowRight: () => go(state.step + 1),
  ArrowLeft: () => go(state.step - 1),
  Home: () => go(0),
  End: () => go(state.level.last),
  Escape: () => change({ derived: null, prediction: null, pointed: null }),
  "+": () => canvas.zoom(1.3),
  "=": () => canvas.zoom(1.3),
  "-": () => canvas.zoom(1 / 1.3),
  0: () => canvas.fit(),
};

// The picture itself, when it has the focus, is moved by the arrows.
const FAR = 80;
/** @type {Record<string, [number, number]>} */
const pans = { ArrowLeft: [FAR, 0], ArrowRight: [-FAR, 0], ArrowUp: [0, FAR], ArrowDown: [0, -FAR] };
figure.addEventListener("keydown", (event) => {
  const [pan, plain] = [pans[event.key], !event.ctrlKey && !event.metaKey && !event.altKey];
  if (event.target !== figure || !pan || !plain) return;
  event.preventDefault();
  event.stopPropagation();
  canvas.pan(...pan);
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, select");
  const action = keys[event.key];
  if (!action || (typing && event.key !== "Escape") || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  action();
});

const clicks = {
  first: keys.Home,
  back: keys.ArrowLeft,
  forward: keys.ArrowRight,
  last: keys.End,
  predict: () => change({ prediction: state.prediction ? null : predicted(), derived: null }),
  whole: keys[0],
  closer: keys["+"],
  farther: keys["-"],
  reset: () => change({ numbers: recordedNumbers, losses: [] }),
};
for (const id in clicks) at(id).addEventListener("click", clicks[id]);
at("scrub").addEventListener("input", (event) => go(event.target.valueAsNumber));
at("level").addEventListener("change", (event) => {
  listed = Number(event.target.value);
  const level = levels[listed];
  change({ level, step: stepIn(level), derived: null, prediction: null });
  remember();
});
for (const field of fields) {
  field.addEventListener("blur", () => showNumbers(state.numbers));
  field.addEventListener("input", () => {
    if (Number.isFinite(field.valueAsNumber)) setNumber(Number(field.dataset.place), field.valueAsNumber);
  });
}
for (const button of document.querySelectorAll("[data-steps]")) {
  button.addEventListener("click", () => takeSteps(Number(button.dataset.steps)));
}
addEventListener("hashchange", recall);

// Nodes are found by their names, Enter goes on to the next.
let place = 0;
function find(next) {
  const wanted = plain(at("find").value);
  const matches = state.level.named().filter(([name]) => wanted && plain(name).startsWith(wanted));
  const near = matches.sort(([a], [b]) => plain(a).length - plain(b).length); // the name itself first
  const found = [...new Set(near.map(([, box]) => box))];
  place = next ? (place + 1) % (found.length || 1) : 0;
  at("found").textContent = !wanted ? "" : found.length ? `${place + 1} of ${found.length}` : "none";
  point(found[place] ?? null);
  if (found.length) canvas.centre(found[place]);
}
at("find").addEventListener("input", () => find(false));
at("find").addEventListener("keydown", (event) => event.key === "Enter" && find(true));

// Another script lights what it speaks of, in the page of its graph:
// document.dispatchEvent(new CustomEvent("light-path", { detail: { labels: ["c_1", "z_1", "f"] } }))
// lights the boxes of these names and the links between them; labels: [] takes the light away.
document.addEventListener("light-path", ({ detail }) => {
  const found = picture().named(detail.labels);
  picture().light(found);
  canvas.reveal([...found.boxes]);
});
document.body.classList.remove("static");
recall();
canvas.rested = () => (canvas.touched || location.hash.includes("view=")) && remember();

// For other scripts, such as a test's: what the page shows, and ways to change it.
const results = () => state.level.compute(state.numbers);
globalThis.microgradcnn = { state, levels, canvas, change, setNumber, takeSteps, results };
