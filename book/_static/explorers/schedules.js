// Learning-rate schedules of Keras, step by step in float32 as Keras computes them.
(function () {
  "use strict";
  const { Problem, whole, real, parts, quoted, grouped, counted } = globalThis.kcourseExplorers;
  const MOST_STEPS = 1_000_000;
  const MOST_COLUMNS = 400;
  const LARGEST_RATE = 1000;
  const f = Math.fround;
  const power = (base, exponent) => f(Math.pow(base, exponent));
  // (1 + cos(π x)) / 2
  const halfWave = (x) => f(0.5 * f(1 + f(Math.cos(f(f(Math.PI) * x)))));

  // Python's way to write a float: Keras takes the type from the number.
  function float(value) {
    const text = String(value).replace(/e([+-])(\d)$/, "e$10$2");
    return /[.e]/.test(text) ? text : `${text}.0`;
  }

  const steps = (fields, name) => whole(name, fields[name], 1, MOST_STEPS);
  const rate = (fields, name) => real(name, fields[name], 0, LARGEST_RATE);

  function staircase(fields) {
    const [p, stairs] = fields.staircase ? [Math.floor, ", staircase=True"] : [(x) => x, ""];
    const [initial, length] = [rate(fields, "initial"), steps(fields, "decay_steps")];
    const decay = real("decay_rate", fields.decay_rate, 0.000001, LARGEST_RATE);
    const given = `${float(initial)}, decay_steps=${length}, decay_rate=${float(decay)}${stairs}`;
    return { initial: f(initial), decay: f(decay), given, done: (step) => p(f(step / length)) };
  }

  // Each reads its fields and returns the arguments for Keras and the rate as a function of the step.
  const SCHEDULES = {
    ExponentialDecay(fields) {
      const { initial, decay, given, done } = staircase(fields);
      return {
        given,
        at(step) {
          const rate = f(initial * power(decay, done(step)));
          if (!Number.isFinite(rate)) {
            throw new Problem(
              "decay_rate",
              `With ${quoted(fields.decay_rate)}, the learning rate at step ${grouped(step)} is too large for float32. ` +
                "Write a smaller decay rate or more decay steps.",
            );
          }
          return rate;
        },
      };
    },

    InverseTimeDecay(fields) {
      const { initial, decay, given, done } = staircase(fields);
      return { given, at: (step) => f(initial / f(1 + f(decay * done(step)))) };
    },

    PolynomialDecay(fields) {
      const [initial, length] = [rate(fields, "initial"), steps(fields, "decay_steps")];
      const end = rate(fields, "end");
      const exponent = real("power", fields.power, 0.01, 10);
      const cycle = fields.cycle ? ", cycle=True" : "";
      return {
        given: `${float(initial)}, decay_steps=${length}, end_learning_rate=${float(end)}, power=${float(exponent)}${cycle}`,
        at(step) {
          const rounds = fields.cycle && step > 0 ? Math.ceil(f(step / length)) : 1;
          const all = f(length * rounds);
          const left = f(1 - f(Math.min(step, all) / all));
          return f(f(f(f(initial) - f(end)) * power(left, f(exponent))) + f(end));
        },
      };
    },

    CosineDecay(fields) {
      const [initial, length] = [rate(fields, "initial"), steps(fields, "decay_steps")];
      const alpha = real("alpha", fields.alpha, 0, 1);
      const warmup = whole("warmup_steps", fields.warmup_steps, 0, MOST_STEPS);
      const target = warmup ? rate(fields, "warmup_target") : initial;
      const warm = warmup ? `, warmup_target=${float(target)}, warmup_steps=${warmup}` : "";
      return {
        given: `${float(initial)}, decay_steps=${length}, alpha=${float(alpha)}${warm}`,
        at(step) {
          if (step < warmup) {
            return f(f(f(f(target) - f(initial)) * f(step / warmup)) + f(initial));
          }
          const x = f(Math.min(step - warmup, length) / length);
          return f(f(target) * f(f(f(1 - alpha) * halfWave(x)) + f(alpha)));
        },
      };
    },

    CosineDecayRestarts(fields) {
      const [initial, length] = [rate(fields, "initial"), steps(fields, "decay_steps")];
      const typed = [real("t_mul", fields.t_mul, 1, 10), real("m_mul", fields.m_mul, 0.01, 1), real("alpha", fields.alpha, 0, 1)];
      const [longer, lower, alpha] = typed.map(f);
      const [t, m, a] = typed.map(float);
      return {
        given: `${float(initial)}, first_decay_steps=${length}, t_mul=${t}, m_mul=${m}, alpha=${a}`,
        at(step) {
          let x = f(step / length);
          let restarts = Math.floor(x);
          if (longer === 1) {
            x = f(x - restarts);
          } else {
            const grown = f(1 - f(x * f(1 - longer)));
            restarts = Math.floor(f(f(Math.log(grown)) / f(Math.log(longer))));
            const period = power(longer, restarts);
            x = f(f(x - f(f(1 - period) / f(1 - longer))) / period);
          }
          const wave = f(power(lower, restarts) * halfWave(x));
          return f(f(initial) * f(f(f(1 - alpha) * wave) + alpha));
        },
      };
    },

    PiecewiseConstantDecay(fields) {
      const bounds = parts("boundaries", fields.boundaries).map((part) => whole("boundaries", part, 0, MOST_STEPS));
      const values = parts("values", fields.values).map((part) => real("values", part, 0, LARGEST_RATE));
      if (!bounds.length || bounds.some((bound, index) => index && bound <= bounds[index - 1])) {
        const wrong = bounds.length ? `${quoted(fields.boundaries)} does not rise.` : "There are no boundaries.";
        throw new Problem("boundaries", `${wrong} Write rising steps with commas between them, such as 150, 300.`);
      }
      if (values.length !== bounds.length + 1) {
        throw new Problem("values", `${quoted(fields.values)} has ${counted(values.length, "rate")}. Write ${bounds.length + 1}, one more than boundaries.`);
      }
      return {
        given: `[${bounds.join(", ")}], [${values.map(float).join(", ")}]`,
        at(step) {
          const after = bounds.findIndex((bound) => step <= bound);
          return f(values[after < 0 ? bounds.length : after]);
        },
      };
    },
  };

  // As short as can be, with four digits that count.
  const short = (value) => String(Number(value.toPrecision(4)));

  function evenly(last, most) {
    const count = Math.min(last, most);
    return Array.from({ length: count + 1 }, (_, index) => Math.round((index * last) / count));
  }

  // Return the curve from step 0 to `last`. All steps are looked at, and a column of the picture has
  // its lowest and its highest rate, so that not even a peak of one step is lost.
  function outline(at, last) {
    const width = Math.ceil((last + 1) / MOST_COLUMNS);
    const points = [[0, at(0)]];
    let smallest = Infinity; // of those above 0
    for (let begin = 0; begin <= last; begin += width) {
      let [low, high] = [[begin, Infinity], [begin, -Infinity]];
      for (let step = begin; step < begin + width && step <= last; step += 1) {
        const rate = at(step);
        low = rate < low[1] ? [step, rate] : low;
        high = rate > high[1] ? [step, rate] : high;
        smallest = rate > 0 && rate < smallest ? rate : smallest;
      }
      points.push(...(low[0] < high[0] ? [low, high] : [high, low]));
    }
    points.push([last, at(last)]);
    return { points, smallest };
  }

  // Return the curve of the schedule in the fields, and its value at a step.
  function compute(fields) {
    const { given, at } = SCHEDULES[fields.schedule](fields);
    const shown = steps(fields, "shown");
    const step = whole("step", fields.step, 0, MOST_STEPS);
    const { points, smallest } = outline(at, shown);
    const rates = points.map(([, value]) => value);
    const value = at(step);
    const [lowest, highest] = [Math.min(...rates), Math.max(...rates)];
    return {
      step,
      value,
      shown,
      points,
      lowest,
      highest,
      smallest,
      table: evenly(shown, 8).map((one) => [one, at(one)]),
      code: `keras.optimizers.schedules.${fields.schedule}(${given})`,
      summary:
        `At step ${grouped(step)} the learning rate is ${short(value)}. From step 0 to ${grouped(shown)} ` +
        `it begins at ${short(rates[0])}, ends at ${short(rates.at(-1))}, and lies between ${short(lowest)} and ${short(highest)}.`,
    };
  }

  // Return the rates at all `steps`.
  const ratesAt = (fields, steps) => steps.map(SCHEDULES[fields.schedule](fields).at);

  globalThis.kcourseExplorers.schedules = { compute, ratesAt, short };
})();
