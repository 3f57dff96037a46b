// Convolution and pooling layers: output size, parameters, multiply-adds, and where windows lie.
// The rules are those of Keras 3 with channels last.
(function () {
  "use strict";
  const { Problem, whole, forAxes, grouped, counted, tuple } = globalThis.kcourseExplorers;
  const NAMES = { 1: ["length"], 2: ["height", "width"] };
  const LARGEST_SIZE = 10_000;
  const LARGEST_KERNEL = 100;
  const MOST_CHANNELS = 100_000;
  const PADDINGS = ["valid", "same", "causal"];

  const isPooling = (layer) => layer.endsWith("Pooling2D");
  const isTransposed = (layer) => layer === "Conv2DTranspose";
  const isStrict = (layer) => ["Conv1D", "Conv2D", "Conv2DTranspose"].includes(layer);
  const product = (numbers) => numbers.reduce((sum, number) => sum * BigInt(number), 1n);

  // Return the output's length along one axis, the rule with its numbers, and where windows begin.
  function along(name, n, kernel, stride, dilation, padding, transposed) {
    const span = (kernel - 1) * dilation + 1; // places from a window's first to its last
    const spans =
      dilation === 1 ? "" : `The kernel spans (${kernel} − 1) · ${dilation} + 1 = ${span} places. `;
    const one = { name, n, kernel, stride, dilation, span, before: 0, after: 0 };
    if (transposed) {
      const extra = Math.max(span - stride, 0);
      one.out = padding === "valid" ? n * stride + extra : n * stride;
      // "same" cuts off what sticks out, the smaller half at the front.
      one.before = padding === "valid" ? 0 : Math.floor(extra / 2);
      one.rule =
        spans +
        (padding === "valid"
          ? `${n} · ${stride} + max(${span} − ${stride}, 0) = ${one.out}`
          : `${n} · ${stride} = ${one.out}`);
      return one;
    }
    if (padding === "valid") {
      if (span > n) {
        throw new Problem(
          "kernel",
          `A window spans ${counted(span, "place")}, but the ${name} is ${n}, so none fits. ` +
            "Write a smaller one, or choose the padding same.",
        );
      }
      one.out = Math.floor((n - span) / stride) + 1;
      one.rule = `${spans}(${n} − ${span}) // ${stride} + 1 = ${one.out}`;
      return one;
    }
    one.out = Math.ceil(n / stride);
    one.rule = `${spans}${n} / ${stride}, rounded up = ${one.out}`;
    const zeros = Math.max((one.out - 1) * stride + span - n, 0);
    // An odd zero goes to the end. Causal windows see nothing that comes later.
    one.before = padding === "causal" ? span - 1 : Math.floor(zeros / 2);
    one.after = padding === "causal" ? 0 : zeros - one.before;
    return one;
  }

  // Return the weights of a layer and the multiply-adds of one example, with what is multiplied.
  function counts(layer, kernel, channels, filters, groups, multiplier, bias, stops) {
    const k = kernel.join(" · ");
    const size = product(kernel);
    const plus = (number) => (bias ? ` + ${number}` : "");
    const biases = (number) => (bias ? BigInt(number) : 0n);
    if (isPooling(layer)) {
      return { parameters: 0n, parameterRule: "0", multiplyAdds: 0n, multiplyAddRule: "0" };
    }
    const between = channels * multiplier;
    let weights, rule, outputs;
    if (layer === "DepthwiseConv2D") {
      [weights, rule, outputs] = [size * BigInt(between), `${k} · ${channels} · ${multiplier}`, between];
    } else if (layer === "SeparableConv2D") {
      weights = size * BigInt(between) + BigInt(between) * BigInt(filters);
      rule = `${k} · ${channels} · ${multiplier} + ${between} · ${filters}`;
      outputs = filters;
    } else {
      weights = size * BigInt(channels / groups) * BigInt(filters);
      rule = `${k} · ${channels / groups} · ${filters}`;
      outputs = filters;
    }
    const parameters = weights + biases(outputs);
    const multiplyAdds = product(stops) * weights;
    const both = layer === "SeparableConv2D" ? `(${rule})` : rule;
    return {
      parameters,
      parameterRule: rule + plus(outputs),
      multiplyAdds,
      multiplyAddRule: `${stops.join(" · ")} · ${both}`,
    };
  }

  // Return the call of Keras that makes the layer; arguments that are at their default are left out.
  function call(layer, filters, kernel, strides, padding, dilation, groups, multiplier, bias) {
    const pair = (values) => (new Set(values).size === 1 ? `${values[0]}` : tuple(values));
    const given = [];
    if (!isPooling(layer) && layer !== "DepthwiseConv2D") {
      given.push(`${filters}`);
    }
    given.push(pair(kernel));
    const usual = isPooling(layer) ? pair(kernel) : "1";
    for (const [name, value, byDefault] of [
      ["strides", pair(strides), usual],
      ["padding", `"${padding}"`, '"valid"'],
      ["dilation_rate", pair(dilation), "1"],
      ["groups", `${groups}`, "1"],
      ["depth_multiplier", `${multiplier}`, "1"],
      ["use_bias", bias ? "True" : "False", "True"],
    ]) {
      if (value !== byDefault) {
        given.push(`${name}=${value}`);
      }
    }
    return `keras.layers.${layer}(${given.join(", ")})`;
  }

  // Return what the layer in the fields does to an input of the size in the fields.
  function compute(fields) {
    const layer = fields.layer;
    const pooling = isPooling(layer);
    const names = NAMES[layer === "Conv1D" ? 1 : 2];
    const rank = names.length;
    const size = forAxes("size", fields.size, rank, 1, LARGEST_SIZE);
    const channels = whole("channels", fields.channels, 1, MOST_CHANNELS);
    const has = (...layers) => layers.includes(layer);
    const filters = pooling || has("DepthwiseConv2D") ? 0 : whole("filters", fields.filters, 1, MOST_CHANNELS);
    const kernel = forAxes("kernel", fields.kernel, rank, 1, LARGEST_KERNEL);
    const unset = String(fields.strides).trim() === "";
    const strides = pooling && unset ? kernel : forAxes("strides", fields.strides, rank, 1, LARGEST_KERNEL);
    const padding = fields.padding;
    const dilation = pooling ? Array(rank).fill(1) : forAxes("dilation", fields.dilation, rank, 1, LARGEST_KERNEL);
    const groups = has("Conv1D", "Conv2D") ? whole("groups", fields.groups, 1, MOST_CHANNELS) : 1;
    const multiplier = has("DepthwiseConv2D", "SeparableConv2D") ? whole("multiplier", fields.multiplier, 1, 1000) : 1;
    const bias = pooling || Boolean(fields.bias);
    if (!PADDINGS.includes(padding) || (padding === "causal" && layer !== "Conv1D")) {
      throw new Problem("padding", "Only Conv1D has causal padding. Choose valid or same.");
    }
    if (channels % groups) {
      throw new Problem("groups", `${groups} groups do not divide ${counted(channels, "input channel")}. Write a divisor of both input channels and filters.`);
    }
    if (filters % groups) {
      throw new Problem("groups", `${groups} groups do not divide ${counted(filters, "filter")}. Write a divisor of both input channels and filters.`);
    }
    if (isStrict(layer) && Math.max(...strides) > 1 && Math.max(...dilation) > 1) {
      throw new Problem("dilation", `Keras refuses strides ${tuple(strides)} with dilation ${tuple(dilation)}. Set one of them to 1.`);
    }
    const axes = names.map((name, axis) =>
      along(name, size[axis], kernel[axis], strides[axis], dilation[axis], padding, isTransposed(layer)),
    );
    const channelsOut = pooling ? channels : has("DepthwiseConv2D") ? channels * multiplier : filters;
    // A transposed convolution multiplies once for each place of its input, others for each output.
    const stops = isTransposed(layer) ? size : axes.map((one) => one.out);
    const numbers = counts(layer, kernel, channels, filters, groups, multiplier, bias, stops);
    const shape = (lengths, last) => `(${["None", ...lengths, last].join(", ")})`;
    const found = {
      layer,
      axes,
      transposed: isTransposed(layer),
      pooling,
      input: shape(size, channels),
      output: shape(axes.map((one) => one.out), channelsOut),
      ...numbers,
      code: call(layer, filters, kernel, strides, padding, dilation, groups, multiplier, bias),
    };
    found.summary =
      `${layer} makes ${found.output} of ${found.input}. It has ` +
      `${counted(found.parameters, "parameter")} and needs ${counted(found.multiplyAdds, "multiply-add")} ` +
      "for one example.";
    return found;
  }

  globalThis.kcourseExplorers.convolution = { compute };
})();
