// What is wider than its place, and so scrolls, can be reached with Tab and says what it is.
const wide = new ResizeObserver((entries) => {
  for (const {target} of entries) {
    const scrolls = target.scrollWidth > target.clientWidth;
    const attributes = {tabindex: 0, role: "group", "aria-label": "wide: scrolls to the side"};
    for (const name in attributes)
      scrolls ? target.setAttribute(name, attributes[name]) : target.removeAttribute(name);
  }
});
for (const box of document.querySelectorAll(".wide, .derivation p:not([role]), pre")) wide.observe(box);
