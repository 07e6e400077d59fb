// What the theme leaves out for keyboards and screen readers: names of the side panels, the level of
// captions, and the focus of what scrolls sideways.
const name = (selector, attribute, value) =>
  document.querySelectorAll(selector).forEach((element) => element.setAttribute(attribute, value));

const reach = () => {
  for (const element of document.querySelectorAll("pre, .formula, .table-wrapper"))
    if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
};

addEventListener("DOMContentLoaded", () => {
  name(".sidebar-drawer", "aria-label", "Pages");
  name(".toc-drawer", "aria-label", "On this page");
  name(".caption[role=heading]", "aria-level", 2);
  reach();
});
addEventListener("load", reach);
addEventListener("resize", reach);
