// The picture of two arrays that are broadcast: stored cells, and cells that are repeated.
(function () {
  "use strict";
  const { html, svg, table, hatch, start, tuple, grouped, broadcasting } = globalThis.kcourseExplorers;
  const [WIDTH, HEIGHT, GAP] = [40, 26, 22];
  const LONGEST = 6;
  const MOST_CELLS = 72;

  // Draw an array of up to three axes; `texts` and `stored` have one entry for each cell.
  function grid(name, shape, texts, stored, label) {
    const [layers, rows, columns] = [...Array(3 - shape.length).fill(1), ...shape];
    const head = shape.length === 3 ? GAP : 0;
    const [width, height] = [columns * WIDTH + 2, layers * (rows * HEIGHT + head) + 2];
    const id = `explorer-broadcasting-hatch-${name}`;
    const picture = svg("svg", { role: "img", "aria-label": label, width, height, viewBox: `-1 -1 ${width} ${height}` }, hatch(id));
    texts.forEach((text, flat) => {
      const [layer, inLayer] = [Math.floor(flat / (rows * columns)), flat % (rows * columns)];
      const x = (inLayer % columns) * WIDTH;
      const y = layer * (rows * HEIGHT + head) + head + Math.floor(inLayer / columns) * HEIGHT;
      if (head && inLayer === 0) {
        picture.append(svg("text", { x: 0, y: y - 6 }, `[${layer}, :, :]`));
      }
      const box = { x, y, width: WIDTH, height: HEIGHT };
      const kind = stored[flat] ? "stored" : "repeated";
      picture.append(svg("rect", { ...box, class: `kcourse-explorer-${kind}` }));
      if (stored[flat]) {
        picture.append(svg("rect", { ...box, fill: `url(#${id})` }));
      }
      picture.append(svg("text", { x: x + WIDTH / 2, y: y + HEIGHT / 2 + 4, "text-anchor": "middle" }, text));
    });
    return picture;
  }

  function operand(name, shape, result) {
    const reads = broadcasting.reads(shape, result);
    const stored = reads.map((number, flat) => reads.indexOf(number) === flat);
    const times = reads.length / new Set(reads).size;
    const label =
      `The ${name} array of shape ${tuple(shape)}, drawn with shape ${tuple(result)}: ` +
      (times === 1 ? "every value is stored." : `each stored value stands in ${times} cells.`);
    return html("figure", {}, html("figcaption", {}, `${name}: ${tuple(shape)}`), grid(name, result, reads, stored, label));
  }

  function pictures({ first, second, result }) {
    const cells = (result ?? []).reduce((product, length) => product * length, 1);
    if (!result) {
      return [];
    }
    if (result.length > 3 || cells === 0 || cells > MOST_CELLS || Math.max(...result, 0) > LONGEST) {
      return [html("p", {}, `Results of up to three axes are drawn, of length 1 to ${LONGEST} and ${MOST_CELLS} cells at most.`)];
    }
    const [left, right] = [first, second].map((shape) => broadcasting.reads(shape, result));
    const sums = left.map((number, flat) => `${number}+${right[flat]}`);
    const label = `The result of shape ${tuple(result)}: each cell joins one value of the first array and one of the second.`;
    return [
      operand("first", first, result),
      operand("second", second, result),
      html("figure", {}, html("figcaption", {}, `result: ${tuple(result)}`), grid("result", result, sums, sums.map(() => false), label)),
    ];
  }

  function draw(found) {
    const added = (length, shape, axis) =>
      axis < found.axes.length - shape.length ? `${length}, added` : grouped(length);
    const rows = found.axes.map((one) => [
      String(one.axis),
      added(one.first, found.first, one.axis),
      added(one.second, found.second, one.axis),
      one.result === null ? "–" : grouped(one.result),
      one.what,
    ]);
    const facts = rows.length
      ? [table(["Axis", "First", "Second", "Result", "What happens"], rows)]
      : [html("p", {}, "Scalars have no axes.")];
    const message = (who, text) => html("p", {}, `${who} says: `, html("code", {}, text));
    if (found.numpy) {
      facts.push(message("NumPy", found.numpy), message("TensorFlow", found.tensorflow));
    }
    return [html("div", { class: "kcourse-explorer-pictures" }, ...pictures(found)), ...facts];
  }

  start("broadcasting", draw);
})();
