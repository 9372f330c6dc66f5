// What is wider than its place, and so scrolls, can be reached with Tab and says what it is.
const measureWide = (target) => {
  const scrolls = target.scrollWidth > target.clientWidth;
  const attributes = {tabindex: 0, role: "group", "aria-label": "wide: scrolls to the side"};
  for (const name in attributes)
    scrolls ? target.setAttribute(name, attributes[name]) : target.removeAttribute(name);
};
const wide = new ResizeObserver((entries) => entries.forEach(({target}) => measureWide(target)));
const filled = new MutationObserver((changes) => {
  const boxes = changes.map(({target}) => /** @type {Element} */ (target).closest(".wide"));
  for (const box of new Set(boxes)) if (box) measureWide(box);
});
const scrolling = document.querySelectorAll(".wide, .derivation p:not([role]), pre");
document.fonts.ready.then(() => scrolling.forEach(measureWide)); // formulas are narrower, or wider, in their own font
for (const box of scrolling) {
  wide.observe(box);
  if (box.matches(".wide")) filled.observe(box, {childList: true, subtree: true});
}
