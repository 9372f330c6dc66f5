// A page as scenes: next and back by key and click, a table of contents that shows where one is, and for a projector
// one scene a screen, in large type, or a part of it. `?projector` opens a page so, `?projector=dark` on black.
"use strict";

(() => {
  const root = document.documentElement, bar = document.querySelector("header.bar"), contents = bar.querySelector("ol");
  const scenes = [...document.querySelectorAll("main > section")], links = [...contents.querySelectorAll("a")];
  const $ = (name) => bar.querySelector(`[name=${name}]`), wanted = new URLSearchParams(location.search);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const BEGUN = 130; // pixels from the top
  let at = 0, moving = 0; // the scene, and the timer that runs while scrolling is our own
  const parts = scenes.map((scene) => new Parts(scene, allow)); // for a projector

  const projecting = () => root.classList.contains("projector");

  function mark(index) {
    at = index;
    scenes.forEach((scene, i) => scene.classList.toggle("current", i === at));
    links.forEach((link) => link.removeAttribute("aria-current"));
    links[at].setAttribute("aria-current", "true");
    document.querySelector("main").classList.toggle("opens", at === 0);
    const [count, title] = bar.querySelectorAll(".scenes summary span");
    count.textContent = `${at + 1} of ${scenes.length}`;
    title.textContent = `: ${links[at].textContent}`;
    allow();
  }

  function allow() { // whether there is something before, and after
    const {open, count, at: part} = parts[at];
    $("back").disabled = at === 0 && !(open && part > 0);
    $("next").disabled = at === scenes.length - 1 && !(open && part < count - 1);
  }

  // Shows a scene, for a projector this part of it, and puts the focus on its title, from where Tab goes on.
  function go(index, part = 0) {
    const scene = scenes[Math.min(Math.max(index, 0), scenes.length - 1)], title = scene.querySelector("h2");
    mark(scenes.indexOf(scene));
    divide(part);
    try {
      history.replaceState(null, "", `#${scene.id}`);
    } catch { /* a page within another has no address of its own */ }
    const behavior = calm.matches || projecting() ? "auto" : "smooth";
    clearTimeout(moving);
    moving = behavior === "auto" ? 0 : setTimeout(arrived, 700);
    scene.scrollIntoView({block: "start", behavior});
    if (part && parts[at].open) parts[at].go(parts[at].at);
    else parts[at].focus(title);
    for (const menu of bar.querySelectorAll("details")) menu.open = false;
  }

  function divide(part) { // the scene, if it is longer than a projector's screen
    for (const each of parts) if (each.open) each.end();
    if (projecting()) parts[at].begin(part);
  }

  function step(by) { // to the next part of a scene, or the next scene
    const {open, count, at: part} = parts[at];
    if (open && part + by >= 0 && part + by < count) parts[at].go(part + by);
    else if (at + by >= 0 && at + by < scenes.length) go(at + by, by < 0 ? -1 : 0);
  }

  function scrolled() { // the scene stays while its title is in the upper half, else the last one that has begun
    const {top} = scenes[at].getBoundingClientRect();
    if (projecting() || moving || (top >= 0 && top < innerHeight / 2)) return;
    const begun = scenes.findLastIndex((scene) => scene.getBoundingClientRect().top < BEGUN);
    mark(Math.max(begun, 0));
  }

  function arrived() {
    moving = 0;
    scrolled();
  }

  function project(on, theme) {
    root.classList.toggle("projector", on);
    $("projector").setAttribute("aria-pressed", String(on));
    if (theme !== undefined) root.style.colorScheme = theme;
    dispatchEvent(new Event("resize"));
    divide(0);
    if (on) scrollTo(0, 0);
    else go(at);
  }

  function darken() {
    const dark = root.style.colorScheme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.style.colorScheme = dark === "dark" ? "light" : "dark";
    dispatchEvent(new Event("resize"));
  }

  const [forth, back] = [() => step(1), () => step(-1)];
  const keys = {PageDown: forth, PageUp: back, ArrowRight: forth, ArrowLeft: back, p: () => project(!projecting())};
  document.addEventListener("keydown", (event) => {
    const own = "input, select, textarea, canvas, [contenteditable], .wide[tabindex], pre[tabindex]"; // moved by arrows
    const its = !event.target.matches?.(".begins") && event.target.closest?.(own);
    const held = event.ctrlKey || event.metaKey || event.altKey || event.shiftKey;
    if (its || event.defaultPrevented || held || !(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  });
  $("next").addEventListener("click", forth);
  $("back").addEventListener("click", back);
  $("projector").addEventListener("click", () => project(!projecting()));
  $("theme").addEventListener("click", darken);
  links.forEach((link, i) => link.addEventListener("click", (event) => {
    event.preventDefault();
    go(i);
  }));
  addEventListener("scroll", scrolled, {passive: true});
  addEventListener("hashchange", recall);
  addEventListener("resize", () => parts[at].open && parts[at].later());

  function recall() { // the scene in the address, or the one that holds what is
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const found = scenes.findIndex((scene) => scene.contains(target));
    if (found >= 0) mark(found);
    divide(0);
    if (projecting() && found >= 0) parts[found].reveal(target);
    else if (scenes[found] === target) target.scrollIntoView({behavior: "auto"});
  }
  mark(0);
  if (wanted.has("projector")) project(true, ["dark", "light"].find((theme) => theme === wanted.get("projector")));
  recall();
})();
