// What a reader typed, as numbers. Every explorer computes from fields of text; whatever cannot be
// read raises a Problem that names the field, repeats the value, and says what to write.
(function () {
  "use strict";
  const explorers = (globalThis.kcourseExplorers ??= {});

  class Problem extends Error {
    constructor(field, message) {
      super(message);
      this.field = field;
    }
  }

  // Chinese and Japanese keyboards write digits, points and signs in full width. Only these become
  // plain: NFKC of the whole text would read 3² as 32.
  const plain = (text) => String(text).replace(/[！-～]/g, (sign) => sign.normalize("NFKC")).trim();

  // Return the text as a whole number from `from` to `to`.
  function whole(field, text, from, to) {
    const written = plain(text);
    const value = Number(written);
    if (!/^[+-]?\d+$/.test(written) || value < from || value > to) {
      throw new Problem(
        field,
        `${quoted(text)} is not a whole number from ${grouped(from)} to ${grouped(to)}.`,
      );
    }
    return value;
  }

  // Return the text as a number from `from` to `to`; 1e-4 is a number.
  function real(field, text, from, to) {
    const written = plain(text);
    const value = Number(written);
    if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(written) || value < from || value > to) {
      throw new Problem(
        field,
        `${quoted(text)} is not a number from ${from} to ${grouped(to)}. Write it like 0.01 or 1e-4.`,
      );
    }
    return value;
  }

  // Return what stands between the commas, without the brackets around it all. The parts stay as
  // they are written, since messages repeat them; so brackets and commas of full width count here.
  function parts(field, text) {
    const inner = String(text).trim().replace(/^[(（](.*)[)）]$|^[[［](.*)[\]］]$/s, "$1$2").trim();
    const found = inner === "" ? [] : inner.split(/[,，、､]/).map((part) => part.trim());
    if (found.length > 1 && found.at(-1) === "") {
      found.pop(); // as in (3,)
    }
    if (found.includes("")) {
      throw new Problem(field, `In ${quoted(text)}, a number is missing before a comma. Write it, or take the comma away.`);
    }
    return found;
  }

  // Return one number for each of `axes`, from one that counts for all, or from one for each.
  function forAxes(field, text, axes, from, to) {
    const written = parts(field, text);
    if (written.length !== 1 && written.length !== axes) {
      const wanted = axes === 1 ? "one number" : "one number, or two such as 3, 5";
      throw new Problem(field, `${quoted(text)} has ${counted(written.length, "number")}. Write ${wanted}.`);
    }
    const values = written.map((part) => whole(field, part, from, to));
    return Array.from({ length: axes }, (_, axis) => values[values.length === 1 ? 0 : axis]);
  }

  const quoted = (text) => (String(text).trim() === "" ? "An empty field" : `“${String(text).trim()}”`);
  const grouped = (number) => number.toLocaleString("en");
  const counted = (number, noun) => `${grouped(number)} ${noun}${Number(number) === 1 ? "" : "s"}`;
  // As Python writes a tuple.
  const tuple = (lengths) => `(${lengths.join(", ")}${lengths.length === 1 ? "," : ""})`;

  Object.assign(explorers, { Problem, plain, whole, real, parts, forAxes, quoted, grouped, counted, tuple });
})();
