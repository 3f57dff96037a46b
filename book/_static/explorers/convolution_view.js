// The picture of a convolution along one axis: cells, and below them what each window touches.
(function () {
  "use strict";
  const { html, svg, table, start, grouped } = globalThis.kcourseExplorers;
  const CELL = 20;
  const [MOST_CELLS, MOST_WINDOWS] = [24, 12];

  // A convolution slides over its input; a transposed one spreads each input over the output.
  function drawAxis(one, title, { transposed, pooling }) {
    const length = transposed ? one.out : one.n;
    const stops = transposed ? one.n : one.out;
    const begin = -one.before;
    const lastTouched = begin + (stops - 1) * one.stride + one.span;
    const end = Math.max(length, lastTouched);
    const cells = Math.min(end - begin, MOST_CELLS);
    const windows = Math.min(stops, MOST_WINDOWS, Math.ceil(cells / one.stride));
    const [width, height] = [(cells + 1) * CELL, (windows + 2) * CELL];
    const outside = one.before + Math.max(lastTouched - length, 0);
    const apart = one.dilation > 1 ? `, ${one.dilation} apart` : "";
    // Pooling adds no zeros: what a window covers outside the input does not count.
    const around = pooling ? `${outside} empty ones beside it` : `${outside} of padding`;
    const what = transposed
      ? `${length} places of output; each of ${stops} places of input is spread over ${one.kernel} of them${apart}`
      : `${length} places of input and ${around}; ${stops} windows of ${one.kernel} places${apart}`;
    const label = `${title}: ${what}, each ${one.stride} further.`;
    const picture = svg("svg", { role: "img", "aria-label": label, width, height, viewBox: `-1 -1 ${width} ${height}` });
    for (let place = 0; place < cells; place += 1) {
      const inside = begin + place >= 0 && begin + place < length;
      const kind = inside ? "stored" : "repeated";
      picture.append(svg("rect", { x: place * CELL, y: 0, width: CELL, height: CELL, class: `kcourse-explorer-${kind}` }));
      if (!inside) {
        const text = transposed ? "×" : pooling ? "–" : "0";
        picture.append(svg("text", { x: (place + 0.5) * CELL, y: 14, "text-anchor": "middle" }, text));
      }
    }
    for (let window = 0; window < windows; window += 1) {
      for (let touch = 0; touch < one.kernel; touch += 1) {
        const place = window * one.stride + touch * one.dilation;
        if (place < cells) {
          picture.append(
            svg("rect", { x: place * CELL + 2, y: (window + 1.4) * CELL, width: CELL - 4, height: CELL * 0.6, class: "kcourse-explorer-window" }),
          );
        }
      }
    }
    const parts = [html("figcaption", {}, title), picture];
    if (cells < end - begin || windows < stops) {
      parts.push(html("p", {}, `The first ${cells} of ${grouped(end - begin)} places and ${windows} of ${grouped(stops)} windows are drawn.`));
    }
    return html("figure", {}, ...parts);
  }

  function draw(found) {
    const [first, second] = found.axes;
    const same = second && ["n", "kernel", "stride", "dilation"].every((key) => first[key] === second[key]);
    const pictures = same
      ? [drawAxis(first, "Height and width", found)]
      : found.axes.map((one) => drawAxis(one, one.name[0].toUpperCase() + one.name.slice(1), found));
    const rows = found.axes.map((one) => [`Output ${one.name}`, one.rule]);
    const equal = (rule, value) => (rule === grouped(value) ? rule : `${rule} = ${grouped(value)}`);
    rows.push(["Parameters", equal(found.parameterRule, found.parameters)]);
    rows.push(["Multiply-adds", equal(found.multiplyAddRule, found.multiplyAdds)]);
    return [
      html("div", { class: "kcourse-explorer-pictures" }, ...pictures),
      table(["What", "Rule with these numbers"], rows),
    ];
  }

  start("convolution", draw);
})();
