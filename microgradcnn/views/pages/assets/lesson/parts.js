// A scene that is longer than a projector's screen, in parts: it is cut where no block is crossed.
"use strict";

const PICTURES = "svg, canvas, iframe, math"; // that are never cut
// Blocks that stay whole where the screen has room for them; what is in all others is looked at.
const WHOLE = "h2, h3, p, summary, tr, form, figure, fieldset, input, select, button, .note, .bar, .chain, " +
  ".forward li, .charts";
const HEADS = "thead, #forward > .buttons, #windows > .choice, .training > .bar"; // that stay over what goes on below
const TITLES = "h3, summary, thead, p:has(+ .row), [role=heading]"; // and what leads to what follows
const FRAMES = ".panes > *"; // whose edges go with what is at them
const EDGE = 2; // pixels
const AFTER_TITLE = 60; // pixels that a part goes on for after a title, so that none is the last of a part
const LEAST = 120; // pixels of a part, on a screen however small

// The parts of a scene, which is its own window onto what is in it. Places are pixels from the top of all that.
class Parts {
  /** @type {{top: number, end: number, over: number}[]} */ all = [];
  /** @type {{element: any, top: number, bottom: number}[]} */ blocks = [];
  at = 0;
  /** @type {{top: number, bottom: number, ends: number}[]} */ beside = []; // what stays in view beside others
  /** @type {{top: number, bottom: number, ends: number}[]} */ heads = []; // and above them
  /** @type {any} */ lengthened = null;
  room = 0;
  head = 0;
  frame = 0;

  // `changed` is called when another part is seen, or there are more of them.
  constructor(scene, changed) {
    Object.assign(this, {scene, changed, title: scene.querySelector("h2")});
    this.told = Object.assign(document.createElement("small"), {className: "part"});
    this.told.setAttribute("role", "status");
    this.grown = new ResizeObserver(() => this.later());
    const when = (event, act) => scene.addEventListener(event, (its) => this.open && act(its), true);
    when("scroll", ({target}) => target === scene && this.scrolled());
    when("focusin", ({target}) => target.matches(".begins") || this.reveal(target));
  }

  get open() {
    return this.told.isConnected;
  }

  get count() {
    return this.all.length;
  }

  begin(at) { // shows this part, the last one for -1
    this.title.append(this.told);
    this.cut();
    this.show(at < 0 ? this.count + at : at);
    for (const block of this.scene.children) this.grown.observe(block);
  }

  end() { // the scene is as long as it is
    this.grown.disconnect();
    cancelAnimationFrame(this.frame);
    this.told.remove();
    this.scene.removeAttribute("style");
    this.release();
    this.scene.scrollTop = this.at = 0;
  }

  later() { // something has grown or shrunk: what is seen, or has the focus, stays in view
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      const from = this.all[this.at].top, held = document.activeElement;
      this.cut();
      this.show(Math.max(0, this.all.findLastIndex(({top}) => top <= from + 1)));
      if (held !== this.title && this.scene.contains(held)) this.reveal(held);
    });
  }

  place(element, {top, bottom} = element.getBoundingClientRect()) {
    const up = this.scene.getBoundingClientRect().top - this.scene.scrollTop;
    return {element, top: top - up, bottom: bottom - up};
  }

  cut() {
    this.measure();
    const {scene, blocks, heads} = this;
    const last = Math.min(scene.scrollHeight, Math.max(this.head, ...blocks.map(({bottom}) => bottom)));
    this.all = [];
    for (let top = this.head, end = top; !this.count || end < last - 1;) {
      const over = heads.reduce((sum, each) =>
        each.top < top - 1 && each.ends > top + 1 ? sum + each.bottom - each.top : sum, 0);
      const high = Math.max(LEAST, this.room - over), found = this.cutAfter(top, top + high, last);
      end = found ?? top + high;
      this.all.push({top, end, over});
      top = found ?? end - high / 4; // of a block that is longer than the screen some is seen again
    }
    this.lengthen();
  }

  measure() { // the scene as if its screen were as long as it is
    const {scene} = this;
    scene.style.height = "auto";
    scene.scrollTop = 0;
    this.release();
    this.head = Math.floor(this.title.getBoundingClientRect().height);
    scene.style.setProperty("--head", `${this.head}px`);
    this.room = innerHeight - scene.getBoundingClientRect().top - scrollY - this.head;
    this.blocks = this.within(scene).filter(({element}) => !this.title.contains(element));
    const heads = [...scene.querySelectorAll(HEADS)]
      .filter((each) => !each.closest(".wide[tabindex]") && each.offsetHeight < this.room / 3);
    for (const each of heads) each.classList.add("stays");
    this.heads = heads.map((each) => ({...this.place(each), ends: this.place(each.parentElement).bottom}));
  }

  release() { // what stayed, and the room that was made for it
    for (const each of this.scene.querySelectorAll(".stays")) each.classList.remove("stays");
    this.lengthened?.style.removeProperty("padding-bottom");
    this.beside = [];
  }

  lengthen() { // the last part, if what stays beside it is longer
    const part = this.all.at(-1), kept = this.beside.filter(({ends}) => ends > part.top + 1);
    const more = Math.max(0, ...kept.map(({top, bottom}) => bottom - top)) - (part.end - part.top);
    if (this.count === 1 || more <= 0) return;
    this.lengthened = [...this.scene.children].findLast((each) => each.offsetHeight) ?? this.title;
    this.lengthened.style.paddingBottom = `${more}px`;
    part.end += more;
    const missing = Math.max(0, part.end - this.scene.scrollHeight); // where a row of a grid has given room before
    this.lengthened.style.paddingBottom = `${more + missing}px`;
  }

  // Where a part that begins at `top` ends, before `most`; null if it begins with a block that is longer.
  cutAfter(top, most, last) {
    if (last <= most) return last;
    const crossed = (y) => this.blocks.find((block) => block.top < y - 1 && block.bottom > y + 1);
    let end = most;
    for (let block = crossed(end); block && end > top + 1; block = crossed(end)) end = block.top;
    return end > top + 1 ? end : null;
  }

  // The blocks in an element, but for those that stay in view beside others.
  within(element) {
    return [...element.childNodes].flatMap((child) => {
      if (child.nodeType === Node.TEXT_NODE) return this.lines(child);
      if (child.nodeType !== Node.ELEMENT_NODE || !child.checkVisibility() || child.matches(".hidden")) return [];
      const block = this.place(child), high = block.bottom - block.top;
      if (!high) return [];
      if (child.matches(".beside > *, svg.chart, canvas") && this.besideOthers(child, block)) return [];
      const cut = !child.matches(PICTURES) && (high > this.room || !child.matches(WHOLE));
      const inside = cut ? this.within(child) : [];
      if (inside.length && child.matches(FRAMES)) {
        inside[0].top = Math.min(inside[0].top, block.top - EDGE);
        inside.at(-1).bottom = Math.max(inside.at(-1).bottom, block.bottom);
      }
      if (child.matches(TITLES)) block.bottom += AFTER_TITLE;
      return inside.length ? inside : [block];
    });
  }

  besideOthers(element, {top, bottom}) { // that go on below it; and short enough to stay in view
    const {left, right} = element.getBoundingClientRect();
    const others = [...element.parentElement.children].filter((each) => {
      const box = each.getBoundingClientRect();
      return box.height && (box.right <= left + 1 || box.left >= right - 1);
    }).map((each) => this.place(each));
    const along = others.some((other) => other.top < bottom - 1 && other.bottom > top + 1);
    const beside = along && bottom - top <= this.room && others.some((other) => other.bottom > bottom + 1);
    element.classList.toggle("stays", beside);
    if (beside) this.beside.push({top, bottom, ends: this.place(element.parentElement).bottom});
    return beside;
  }

  lines(text) { // of a text, where each of them lies
    if (!text.data.trim()) return [];
    const range = document.createRange();
    range.selectNodeContents(text);
    return [...range.getClientRects()].map((box) => this.place(text.parentElement, box));
  }

  show(at) {
    const {scene} = this, {top, end, over} = this.all[at];
    this.at = at;
    scene.style.height = `${this.head + end - top + over}px`;
    scene.scrollTop = this.first;
    const words = this.count > 1 ? `part ${at + 1} of ${this.count}` : "";
    if (this.told.textContent !== words) this.told.textContent = words;
    this.changed();
  }

  get first() { // how far the scene is scrolled where its part begins
    const {top, over} = this.all[this.at];
    return Math.min(top - over - this.head, this.scene.scrollHeight - this.scene.clientHeight);
  }

  // Goes to a part, and puts the focus where it begins, from where Tab goes on.
  go(at) {
    this.show(at);
    const {element} = this.blocks.find(({top}) => top >= this.all[at].top - 1) ?? {element: this.title};
    this.focus(element.matches("input, select, button, canvas, iframe") ? element.parentElement : element); // own keys
  }

  focus(element) {
    if (element.tabIndex < 0) element.tabIndex = -1;
    element.classList.add("begins");
    element.focus({preventScroll: true});
  }

  reveal(element) { // goes to the part that it is in
    const {top} = this.place(element), at = Math.max(0, this.all.findLastIndex((part) => part.top <= top + 1));
    if (at !== this.at && !element.closest(".stays")) this.show(at);
  }

  scrolled() { // by a script that brings something into view
    const {scrollTop, clientHeight} = this.scene, by = scrollTop - this.first;
    if (by > 1) this.show(this.all.findIndex((part) => part.end >= scrollTop + clientHeight - 1));
    else if (by < -1) this.show(Math.max(0, this.all.findLastIndex((part) => part.top <= scrollTop + this.head + 1)));
  }
}
