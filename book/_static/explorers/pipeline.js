// A tf.data pipeline as a simulation: range.map(read).map(prepare).batch().prefetch(), and a
// training step that takes the batches. `kcourse.explorers.pipeline` is the same in Python.
(function () {
  "use strict";
  const { Problem, whole, grouped, counted } = globalThis.kcourseExplorers;
  const MOST_ELEMENTS = 48;
  const LONGEST = 10_000;

  // Return when each piece of work begins and ends, in milliseconds.
  function simulate({ elements, read, map, calls, batch, prefetch, train }) {
    const events = [];
    const readEnd = [], ready = [], taken = []; // of elements; used with parallel calls
    const batched = [], handedOver = [], trained = []; // of batches
    const at = (times, index) => (index >= 0 ? times[index] : 0);
    for (let step = 0; step * batch < elements; step += 1) {
      const asked = at(trained, step - 1);
      // prefetch works ahead as long as its buffer has room; without it, work begins when asked.
      let now = prefetch ? Math.max(at(batched, step - 1), at(handedOver, step - prefetch)) : asked;
      for (let i = step * batch; i < Math.min(elements, (step + 1) * batch); i += 1) {
        let begin = now;
        if (calls) {
          // One thread reads. It goes on while fewer than `calls` elements are under way or waiting.
          begin = Math.max(at(readEnd, i - 1), at(taken, i - calls), at(ready, i - calls));
          taken[i] = Math.max(now, begin);
        }
        readEnd[i] = begin + read;
        ready[i] = begin + read + map;
        now = calls ? Math.max(now, ready[i]) : ready[i];
        events.push({ stage: "read", index: i, begin, end: readEnd[i] });
        events.push({ stage: "map", index: i, begin: readEnd[i], end: ready[i] });
      }
      batched[step] = now;
      handedOver[step] = Math.max(asked, now);
      trained[step] = handedOver[step] + train;
      events.push({ stage: "train", index: step, begin: handedOver[step], end: trained[step] });
    }
    return events;
  }

  // Return the time a batch takes in each stage that can overlap with others.
  function costs(settings) {
    const { read, map, calls, batch, train } = atMost(settings);
    return calls
      ? { reading: batch * read, mapping: (batch * (read + map)) / calls, training: train }
      : { "reading and mapping": batch * (read + map), training: train };
  }

  // A batch, or the calls under way, cannot be more than there are elements.
  function atMost({ elements, calls, batch, ...others }) {
    return { ...others, elements, calls: Math.min(calls, elements), batch: Math.min(batch, elements) };
  }

  // Return the time from one batch to the next, once the pipeline is full and goes on for long.
  function pace(settings) {
    const full = atMost(settings);
    const batches = 4 * Math.max(full.calls, 1); // after `calls` batches all is as it was
    const events = simulate({ ...full, elements: 2 * batches * full.batch });
    const ends = events.filter((one) => one.stage === "train").map((one) => one.end);
    return (ends.at(-1) - ends[batches - 1]) / batches;
  }

  // Put pieces of work that overlap into lanes: the first lane that is free.
  function lanes(events) {
    const ends = [];
    for (const one of [...events].sort((a, b) => a.begin - b.begin || a.index - b.index)) {
      const free = ends.findIndex((end) => end <= one.begin);
      one.lane = free < 0 ? ends.length : free;
      ends[one.lane] = one.end;
    }
    return Math.max(ends.length, 1);
  }

  function timeline(settings) {
    const events = simulate(settings);
    const of = (stage) => events.filter((one) => one.stage === stage);
    const stages = ["read", "map", "train"].map((name) => {
      const itsOwn = of(name);
      return { name, lanes: lanes(itsOwn), events: itsOwn };
    });
    const steps = of("train");
    const total = steps.at(-1).end;
    return { stages, total, waiting: total - steps.length * settings.train };
  }

  const milliseconds = (value) => `${grouped(Math.round(value * 10) / 10)} ms`;

  // Return the timelines of the fields' pipeline, and of the same work in turns.
  function compute(fields) {
    const settings = {
      elements: whole("elements", fields.elements, 1, MOST_ELEMENTS),
      read: whole("read", fields.read, 0, LONGEST),
      map: whole("map", fields.map, 0, LONGEST),
      calls: whole("calls", fields.calls, 0, 16),
      batch: whole("batch", fields.batch, 1, MOST_ELEMENTS),
      prefetch: whole("prefetch", fields.prefetch, 0, MOST_ELEMENTS),
      train: whole("train", fields.train, 0, LONGEST),
    };
    if (settings.read + settings.map + settings.train === 0) {
      throw new Problem("train", "All three times are 0, so there is nothing to see. Write a larger one.");
    }
    const inTurns = timeline({ ...settings, calls: 0, prefetch: 0 });
    const yours = timeline(settings);
    const perBatch = costs(settings);
    const most = Math.max(...Object.values(perBatch));
    const slowest = Object.keys(perBatch).filter((name) => perBatch[name] === most);
    const overlaps = settings.calls > 0 || settings.prefetch > 0;
    const each = pace(settings);
    const faster = (inTurns.total / yours.total).toFixed(2);
    const sentences = [
      `This pipeline takes ${milliseconds(yours.total)}; one piece of work after the other, ` +
        `${milliseconds(inTurns.total)}. That is ${faster} times as fast.`,
      `Training waits ${milliseconds(yours.waiting)} for data.`,
      !overlaps
        ? "Nothing overlaps, so all times add up."
        : each > 1.05 * most
          ? `Without prefetch, work goes at most ${counted(settings.calls, "element")} ahead while the model trains, so ` +
            `times partly add up: ${milliseconds(each)} a batch in the long run, where the slowest stage alone takes ${milliseconds(most)}.`
          : slowest.length === 1
            ? `The bottleneck is ${slowest[0]}: ${milliseconds(most)} a batch.`
            : `The bottlenecks are ${slowest.join(" and ")}: ${milliseconds(most)} a batch each.`,
    ];
    const parallel = settings.calls ? `, num_parallel_calls=${settings.calls}` : "";
    const ahead = settings.prefetch ? `.prefetch(${settings.prefetch})` : "";
    return {
      settings,
      inTurns,
      yours,
      costs: perBatch,
      slowest,
      summary: sentences.join(" "),
      code: `dataset.map(read).map(prepare${parallel}).batch(${settings.batch})${ahead}`,
    };
  }

  globalThis.kcourseExplorers.pipeline = { compute, simulate, costs, milliseconds };
})();
