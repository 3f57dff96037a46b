// Boxes that scroll are reached by the keyboard. The theme sees to what is visible when the page
// loads; here follow formulas, maps, and code that is shown when a choice of a quiz is opened.
function reachBoxesThatScroll() {
  const boxes = "article .math-block, article .kcourse-map, article details[open] pre";
  for (const box of document.querySelectorAll(boxes)) {
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

// The page on changes can be filtered. Without this script it is one long page.
function offerFilter() {
  const changes = [...document.querySelectorAll(".kcourse-change")];
  if (!changes.length) {
    return;
  }
  const sections = [...new Set(changes.map((change) => change.closest("section")))];
  const texts = changes.map((change) => change.textContent.toLowerCase());
  const label = document.createElement("label");
  label.textContent = "Show only changes with these words: ";
  const field = document.createElement("input");
  field.type = "search";
  label.append(field);
  const count = document.createElement("p");
  count.role = "status";
  document.querySelector(".kcourse-filter").append(label, count);
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    changes.forEach((change, index) => {
      change.hidden = !words.every((word) => texts[index].includes(word));
    });
    for (const section of sections) {
      section.hidden = !section.querySelector(".kcourse-change:not([hidden])");
      // "On this page" leads to what is shown.
      for (const link of document.querySelectorAll(".bd-sidebar-secondary li a")) {
        if (link.hash === `#${section.id}`) {
          link.closest("li").hidden = section.hidden;
        }
      }
    }
    const shown = changes.filter((change) => !change.hidden).length;
    count.textContent = words.length ? `${shown} of ${changes.length} changes are shown.` : "";
  });
}

window.addEventListener("DOMContentLoaded", offerFilter);
