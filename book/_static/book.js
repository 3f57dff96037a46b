// Boxes that scroll are reached by the keyboard. The theme sees to what is visible when the page
// loads; here follow formulas, and code that is shown when a choice of a quiz is opened.
function reachBoxesThatScroll() {
  for (const box of document.querySelectorAll("article .math-block, article details pre")) {
    if (box.scrollWidth > box.clientWidth) {
      box.tabIndex = 0;
    } else {
      box.removeAttribute("tabindex");
    }
  }
}

window.addEventListener("load", reachBoxesThatScroll);
window.addEventListener("resize", reachBoxesThatScroll);
document.addEventListener("toggle", reachBoxesThatScroll, { capture: true });
