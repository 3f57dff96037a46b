// Broadcasting of two shapes: the rules of NumPy and TensorFlow, and what each axis does.
(function () {
  "use strict";
  const { Problem, plain, parts, quoted, grouped, counted, tuple } = globalThis.kcourseExplorers;
  const MOST_AXES = 8;
  const LONGEST = 1_000_000;

  function shape(field, text) {
    const lengths = parts(field, text).map((part) => {
      const length = plain(part);
      if (!/^\d+$/.test(length) || Number(length) > LONGEST) {
        throw new Problem(
          field,
          `${quoted(part)} is not a length. Write whole numbers from 0 to ${grouped(LONGEST)} with commas ` +
            "between them, such as 3, 1. An empty field is a scalar.",
        );
      }
      return Number(length);
    });
    if (lengths.length > MOST_AXES) {
      throw new Problem(field, `${lengths.length} axes are too many. Write at most ${MOST_AXES}.`);
    }
    return lengths;
  }

  // Rule 1: the shorter shape gets axes of length 1 on its left.
  const aligned = (lengths, rank) => [...Array(rank - lengths.length).fill(1), ...lengths];

  function compareAxis(axis, first, second) {
    const fits = first === second || first === 1 || second === 1;
    if (!fits) {
      return { axis, first, second, result: null, repeated: null, times: 1 };
    }
    // Where 1 meets 0, the result is 0: the value is repeated no times at all.
    const result = first === 1 ? second : first;
    const repeated = first === second ? null : first === 1 ? "first" : "second";
    return { axis, first, second, result, repeated, times: repeated ? result : 1 };
  }

  function whatHappens(one) {
    if (one.result === null) {
      return `${grouped(one.first)} meets ${grouped(one.second)}: they do not fit`;
    }
    if (!one.repeated) {
      return "equal, nothing is repeated";
    }
    return one.times === 0
      ? `the ${one.repeated} is repeated 0 times: the result is empty`
      : `the ${one.repeated} is repeated ${counted(one.times, "time")}`;
  }

  // Return how the shapes in the fields `first` and `second` broadcast.
  function compute(fields) {
    const first = shape("first", fields.first);
    const second = shape("second", fields.second);
    const rank = Math.max(first.length, second.length);
    const [left, right] = [aligned(first, rank), aligned(second, rank)];
    const axes = left.map((length, axis) => compareAxis(axis, length, right[axis]));
    for (const one of axes) {
      one.what = whatHappens(one);
    }
    const wrong = axes.filter((one) => one.result === null);
    const found = { first, second, axes, result: null, elements: null, numpy: null, tensorflow: null };
    if (wrong.length) {
      const where = wrong.map((one) => `on axis ${one.axis}, ${one.first} meets ${one.second}`).join("; ");
      found.summary =
        `The shapes ${tuple(first)} and ${tuple(second)} do not fit: ${where}. ` +
        "Two lengths fit if they are equal, or if one of them is 1.";
      const close = (lengths) => tuple(lengths).replaceAll(" ", "");
      found.numpy = `operands could not be broadcast together with shapes ${close(first)} ${close(second)}`;
      found.tensorflow = `Incompatible shapes: [${first.join(",")}] vs. [${second.join(",")}]`;
      return found;
    }
    found.result = axes.map((one) => one.result);
    found.elements = found.result.reduce((product, length) => product * BigInt(length), 1n);
    const repeats = axes.filter((one) => one.repeated).map((one) => `On axis ${one.axis}, ${one.what}.`);
    found.summary =
      `The shapes ${tuple(first)} and ${tuple(second)} broadcast to ${tuple(found.result)}, ` +
      `${counted(found.elements, "element")}. ${repeats.join(" ") || "Nothing is repeated."}`;
    return found;
  }

  // Return the number of the stored element that each element of the result reads, in row order.
  function reads(lengths, result) {
    const whole = aligned(lengths, result.length);
    const count = result.reduce((product, length) => product * length, 1);
    return Array.from({ length: count }, (_, flat) => {
      let [number, step, rest] = [0, 1, flat];
      for (let axis = result.length - 1; axis >= 0; axis -= 1) {
        const index = rest % result[axis];
        rest = Math.floor(rest / result[axis]);
        number += (whole[axis] === 1 ? 0 : index) * step;
        step *= whole[axis];
      }
      return number;
    });
  }

  globalThis.kcourseExplorers.broadcasting = { compute, reads };
})();
