// The curve of a learning-rate schedule, with a mark at the step that is asked for.
(function () {
  "use strict";
  const { html, svg, table, start, grouped, schedules } = globalThis.kcourseExplorers;
  const HEIGHT = 240;
  const FEWEST_DECADES = 1;
  const MOST_DECADES = 6;

  // Return the function from a rate to its place between 0, below, and 1, above; marks; and what
  // has to be said about rates that have no place of their own.
  function axis({ lowest, highest, smallest }, logarithmic) {
    const top = highest || 1;
    if (!logarithmic) {
      const marks = [0, 0.25, 0.5, 0.75, 1].map((part) => part * top);
      return { place: (rate) => rate / top, marks };
    }
    const high = Math.log10(top);
    const decades = high - Math.log10(Math.min(smallest, top));
    const span = Math.min(Math.max(decades, FEWEST_DECADES), MOST_DECADES);
    const place = (rate) => (rate > 0 ? Math.max(0, 1 + (Math.log10(rate) - high) / span) : 0);
    const marks = [0, 0.25, 0.5, 0.75, 1].map((part) => 10 ** (high - span * (1 - part)));
    const note =
      decades > MOST_DECADES
        ? `Rates below ${schedules.short(marks[0])} lie below this axis; they are drawn at its lower edge.`
        : lowest <= 0
          ? "A rate of 0 has no place on a logarithmic axis; it is drawn at the lower edge."
          : "";
    return { place, marks, note };
  }

  function curve(found, logarithmic) {
    const { shown, points, step, value } = found;
    const { place, marks, note } = axis(found, logarithmic);
    const y = (rate) => `${100 * (0.93 - 0.86 * place(rate))}%`;
    const picture = svg("svg", { role: "img", "aria-label": found.summary, width: "100%", height: HEIGHT });
    for (const rate of marks) {
      picture.append(svg("line", { x1: 0, x2: "100%", y1: y(rate), y2: y(rate), class: "kcourse-explorer-mark" }));
    }
    const line = points.map(([one, rate]) => `${one / shown},${0.93 - 0.86 * place(rate)}`).join(" ");
    const stretched = { role: "presentation", viewBox: "0 0 1 1", preserveAspectRatio: "none", width: "100%", height: "100%" };
    picture.append(svg("svg", stretched, svg("polyline", { points: line, class: "kcourse-explorer-curve" })));
    if (step <= shown) {
      const x = `${(100 * step) / shown}%`;
      picture.append(svg("line", { x1: x, x2: x, y1: 0, y2: "100%", class: "kcourse-explorer-step" }));
      picture.append(svg("circle", { cx: x, cy: y(value), r: 5, class: "kcourse-explorer-point" }));
    }
    for (const rate of marks) {
      picture.append(svg("text", { x: 4, y: y(rate), dy: -4, class: "kcourse-explorer-rate" }, schedules.short(rate)));
    }
    const ends = html("div", { class: "kcourse-explorer-ends" }, html("span", {}, "step 0"), html("span", {}, `step ${grouped(shown)}`));
    const parts = [html("figcaption", {}, "Learning rate by step"), picture, ends];
    if (note) {
      parts.push(html("p", {}, note));
    }
    return html("figure", {}, ...parts);
  }

  function draw(found, fields) {
    const rows = found.table.map(([step, rate]) => [grouped(step), schedules.short(rate)]);
    const sides = [curve(found, fields.log), table(["Step", "Learning rate"], rows)];
    return [html("div", { class: "kcourse-explorer-sides" }, ...sides)];
  }

  start("schedules", draw);
})();
