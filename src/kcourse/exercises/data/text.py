"""Exercises of the lesson on text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import numpy as np

from kcourse.exercise import Case, Exercise, NearMiss, register

#: Few letters, of which one is written with two bytes, so that random words meet again.
LETTERS = list("abcdé")


def _word(rng: np.random.Generator) -> str:
    return "".join(rng.choice(LETTERS, int(rng.integers(1, 4))))


def _texts(rng: np.random.Generator, count: int, words: list[str], longest: int = 9) -> list[str]:
    """Return texts of up to ``longest`` words, separated by one space or more."""
    spaces = [" ", "  ", "\t"]
    return [
        "".join(
            f"{rng.choice(words)}{rng.choice(spaces)}" for _ in range(rng.integers(2, longest))
        ).rstrip(" \t" if rng.random() < 0.5 else "")
        for _ in range(count)
    ]


def _ranked(texts: list[str], *, once: bool = False, ties: str = "last") -> list[str]:
    """Return all words, the most frequent first, by counting each of them anew."""
    split = [text.split() for text in texts]
    seen = list(dict.fromkeys(word for words in split for word in words))
    if ties == "last":
        seen.sort(reverse=True)
    elif ties == "alphabet":
        seen.sort()
    amounts = {word: sum((word in w) if once else w.count(word) for w in split) for word in seen}
    return sorted(seen, key=lambda word: -amounts[word])  # stable: ties keep their order


@register
class BuildVocabularyExercise(Exercise):
    """Count, sort, cut."""

    name = "build_vocabulary"
    title = "A vocabulary by hand"
    points = 1
    see = "A vocabulary is counted"
    hints = (
        "Count all words of all texts together; `collections.Counter` does it in one line.",
        "Sort by two things at once, the count and the word: `(counts[word], word)`. In which "
        "direction must both of them go?",
        'Put `"", "[UNK]"` in front, and cut the whole list with `[:max_tokens]`.',
    )
    why = (
        "The numbers of the words are their places in this list, so its order must not depend on "
        "chance: the ties are broken by the words themselves. A rare word that is cut off becomes "
        "number 1, and two of the places are reserved before any word gets one."
    )
    near_misses = (
        NearMiss(
            code="""
def build_vocabulary(texts, max_tokens):
    counts = Counter(word for text in texts for word in text.split())
    words = sorted(counts, key=lambda word: (counts[word], word), reverse=True)
    return ["", "[UNK]", *words[:max_tokens]]
""",
            because=(
                "The list is longer than `max_tokens`: the padding and [UNK] are part of that "
                "number, so two words fewer have a place."
            ),
            like=lambda texts, max_tokens: ["", "[UNK]", *_ranked(texts)[:max_tokens]],
        ),
        NearMiss(
            code="""
def build_vocabulary(texts, max_tokens):
    counts = Counter(word for text in texts for word in text.split())
    words = [word for word, _ in counts.most_common()]
    return ["", "[UNK]", *words][:max_tokens]
""",
            because=(
                "Equally frequent words stand in the order in which they were first seen. The "
                "order of the words themselves decides, so that shuffled texts give the same list."
            ),
            like=lambda texts, max_tokens: ["", "[UNK]", *_ranked(texts, ties="seen")][:max_tokens],
        ),
        NearMiss(
            code="""
def build_vocabulary(texts, max_tokens):
    counts = Counter(word for text in texts for word in text.split())
    words = sorted(counts, key=lambda word: (-counts[word], word))
    return ["", "[UNK]", *words][:max_tokens]
""",
            because=(
                "Equally frequent words stand from a to z. Keras puts the last of them first: sort "
                "by count and word together, and reverse both."
            ),
            like=lambda texts, max_tokens: ["", "[UNK]", *_ranked(texts, ties="alphabet")][
                :max_tokens
            ],
        ),
        NearMiss(
            code="""
def build_vocabulary(texts, max_tokens):
    counts = Counter(word for text in texts for word in set(text.split()))
    words = sorted(counts, key=lambda word: (counts[word], word), reverse=True)
    return ["", "[UNK]", *words][:max_tokens]
""",
            because=(
                "You counted the texts that hold a word. Count the word itself, twice if it stands "
                "twice in one text."
            ),
            like=lambda texts, max_tokens: ["", "[UNK]", *_ranked(texts, once=True)][:max_tokens],
        ),
        NearMiss(
            code="""
def build_vocabulary(texts, max_tokens):
    counts = Counter(word for text in texts for word in text.split())
    return sorted(counts, key=lambda word: (counts[word], word), reverse=True)[:max_tokens]
""",
            because='The first two places are reserved: "" for padding and "[UNK]" for unknown words.',
            like=lambda texts, max_tokens: _ranked(texts)[:max_tokens],
        ),
    )
    alternatives = (
        """
def build_vocabulary(texts, max_tokens):
    words = " ".join(texts).split()
    ranked = sorted(set(words), reverse=True)
    ranked.sort(key=words.count, reverse=True)
    return ["", "[UNK]"] + ranked[: max_tokens - 2]
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        # "a" stands in one text, most often; "b", "c" and "é" tie, and "c" is seen first.
        start = _word(rng)
        fixed = ["c é b a a c a é a", "b b c é d"]
        texts = [" ".join(start + letter for letter in text.split()) for text in fixed]
        yield Case({"texts": texts, "max_tokens": 5}, "equally frequent words")
        words = list({_word(rng) for _ in range(12)})
        yield Case({"texts": _texts(rng, 6, words), "max_tokens": 8})
        yield Case({"texts": _texts(rng, 4, words), "max_tokens": 100}, "room for every word")
        yield Case({"texts": _texts(rng, 2, words), "max_tokens": 3}, "room for one word")

    def expected(self, texts: list[str], max_tokens: int) -> Any:
        return ["", "[UNK]", *_ranked(texts)][:max_tokens]


def _rows(
    texts: list[str],
    vocabulary: list[str],
    length: int,
    *,
    unknown: int = 1,
    shift: int = 0,
    cut: str = "end",
    fill: str = "end",
) -> np.ndarray:
    """Return rows of numbers, one word after the other."""
    rows = np.zeros((len(texts), length), np.int64)
    for n, text in enumerate(texts):
        words = text.split()
        words = words[:length] if cut == "end" else words[-length:]
        start = 0 if fill == "end" else length - len(words)
        for place, word in enumerate(words):
            known = word in vocabulary
            rows[n, start + place] = vocabulary.index(word) + shift if known else unknown
    return rows


@register
class EncodeAndPadExercise(Exercise):
    """From texts to a rectangle of numbers."""

    name = "encode_and_pad"
    title = "Numbers in rows of one length"
    points = 2
    see = "Rows of one length"
    hints = (
        "Make a dictionary from word to number once: `enumerate(vocabulary)` gives the numbers.",
        "`numbers.get(word, 1)` is 1 for a word that is not in the dictionary.",
        "Begin with `np.zeros((len(texts), length), np.int64)` and write the numbers of a text, at "
        "most `length` of them, to the beginning of its row.",
    )
    why = (
        "A batch is a rectangle, and texts are not equally long. The 0 means that nothing is here, "
        "which a later layer can mask, and the 1 that a word is here which nobody knows; these are "
        "different things, and no real word may have their numbers."
    )
    near_misses = (
        NearMiss(
            code="""
def encode_and_pad(texts, vocabulary, length):
    numbers = {word: number for number, word in enumerate(vocabulary)}
    rows = np.zeros((len(texts), length), np.int64)
    for row, text in zip(rows, texts):
        found = [numbers.get(word, 0) for word in text.split()][:length]
        row[: len(found)] = found
    return rows
""",
            because="Unknown words became 0, which is the padding. Their number is 1.",
            like=lambda **inputs: _rows(**inputs, unknown=0),
        ),
        NearMiss(
            code="""
def encode_and_pad(texts, vocabulary, length):
    numbers = {word: number for number, word in enumerate(vocabulary)}
    rows = [[numbers.get(word, 1) for word in text.split()] for text in texts]
    return keras.utils.pad_sequences(rows, maxlen=length, dtype="int64")
""",
            because=(
                "`pad_sequences` fills and cuts at the beginning unless you say "
                '`padding="post", truncating="post"`. Here both happen at the end.'
            ),
            like=lambda **inputs: _rows(**inputs, cut="beginning", fill="beginning"),
        ),
        NearMiss(
            code="""
def encode_and_pad(texts, vocabulary, length):
    numbers = {word: number for number, word in enumerate(vocabulary)}
    rows = [[numbers.get(word, 1) for word in text.split()] for text in texts]
    return keras.utils.pad_sequences(rows, maxlen=length, dtype="int64", padding="post")
""",
            because="Long texts lost their beginning. Cut them at their end: the first words stay.",
            like=lambda **inputs: _rows(**inputs, cut="beginning"),
        ),
        NearMiss(
            code="""
def encode_and_pad(texts, vocabulary, length):
    numbers = {word: number for number, word in enumerate(vocabulary, start=2)}
    rows = np.zeros((len(texts), length), np.int64)
    for row, text in zip(rows, texts):
        found = [numbers.get(word, 1) for word in text.split()][:length]
        row[: len(found)] = found
    return rows
""",
            because=(
                "The numbers are too large by 2: the two reserved entries are in the vocabulary "
                "already, so a word's number is its index."
            ),
            like=lambda **inputs: _rows(**inputs, shift=2),
        ),
    )
    alternatives = (
        """
def encode_and_pad(texts, vocabulary, length):
    layer = layers.TextVectorization(
        standardize=None, vocabulary=vocabulary, output_sequence_length=length
    )
    return layer(tf.constant(texts))
""",
        """
def encode_and_pad(texts, vocabulary, length):
    numbers = {word: number for number, word in enumerate(vocabulary)}
    rows = [[numbers.get(word, 1) for word in text.split()] for text in texts]
    return keras.utils.pad_sequences(
        rows, maxlen=length, dtype="int64", padding="post", truncating="post"
    )
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        words = sorted({_word(rng) + letter for letter in "xyzw"})
        vocabulary = ["", "[UNK]", *(str(word) for word in rng.permutation(words))]
        known = vocabulary[2:]
        stranger = _word(rng) + "q"
        texts = [
            f"{known[1]} {stranger}",
            f"{known[0]} {known[1]}\t{known[2]} {known[3]}  {known[0]}",
        ]
        given = {"texts": texts, "vocabulary": vocabulary, "length": 4}
        yield Case(given, "a short text with an unknown word, and a long one")
        texts = _texts(rng, 5, [*words, stranger])
        yield Case({"texts": texts, "vocabulary": vocabulary, "length": 5})
        texts = [*_texts(rng, 2, words), "", "  "]
        yield Case({"texts": texts, "vocabulary": vocabulary, "length": 3}, "with empty texts")

    def expected(self, **inputs: Any) -> Any:
        return _rows(**inputs)


def _weights(
    counts: np.ndarray,
    *,
    occurrences: bool = False,
    inner: float = 1.0,
    below: float = 1.0,
    above: float = 0.0,
    outer: float = 0.0,
    unknown: str = "mean",
    base: float = np.e,
) -> np.ndarray:
    """Return log(inner + (above + N) / (below + n)) + outer for each word, unknown words first."""
    weights = []
    for column in np.asarray(counts).T:
        n = column.sum() if occurrences else sum(1 for count in column if count > 0)
        inside = inner + (above + len(column)) / (below + n)
        weights.append(np.log(inside) / np.log(base) + outer)
    never = np.log(inner + (above + len(counts)) / (below or 1)) / np.log(base) + outer
    first = {"mean": np.mean(weights), "never": never, "zero": 0.0}[unknown]
    return np.array([first, *weights])


@register
class TfIdfWeightsExercise(Exercise):
    """The weights of TF-IDF as Keras defines them."""

    name = "tf_idf_weights"
    title = "The weights of TF-IDF"
    points = 2
    see = "Rare words say more: TF-IDF"
    hints = (
        "In how many documents does each word stand? `counts > 0` is true once for a document.",
        "The formula is log(1 + N / (1 + n)): N documents, n of them with the word. Cast to "
        "float32 before you divide.",
        "The weight of unknown words is the mean of the others: "
        "`tf.concat([[tf.reduce_mean(weights)], weights], axis=0)`.",
    )
    why = (
        "A word that stands in every document tells none of them apart, and its weight is small. "
        "The 1 below the line keeps the quotient finite, the 1 beside it keeps the logarithm above "
        "0. Other libraries define other weights, so a model must get those it was trained with."
    )
    near_misses = (
        NearMiss(
            code="""
def tf_idf_weights(counts):
    documents = tf.cast(tf.shape(counts)[0], tf.float32)
    weights = tf.math.log(1 + documents / (1 + tf.cast(tf.reduce_sum(counts, axis=0), tf.float32)))
    return tf.concat([[tf.reduce_mean(weights)], weights], axis=0)
""",
            because=(
                "You divided by how often a word stands in all documents together. Count the "
                "documents that hold it: each of them once."
            ),
            like=lambda counts: _weights(counts, occurrences=True),
        ),
        NearMiss(
            code="""
def tf_idf_weights(counts):
    documents = tf.cast(tf.shape(counts)[0], tf.float32)
    with_word = tf.reduce_sum(tf.cast(counts > 0, tf.float32), axis=0)
    weights = tf.math.log(documents / with_word)
    return tf.concat([[tf.reduce_mean(weights)], weights], axis=0)
""",
            because=(
                "This is the plain log(N / n) of textbooks, which is 0 for a word in every "
                "document. Keras adds 1 twice: log(1 + N / (1 + n))."
            ),
            like=lambda counts: _weights(counts, inner=0.0, below=0.0),
        ),
        NearMiss(
            code="""
def tf_idf_weights(counts):
    documents = tf.cast(tf.shape(counts)[0], tf.float32)
    with_word = tf.reduce_sum(tf.cast(counts > 0, tf.float32), axis=0)
    weights = tf.math.log((1 + documents) / (1 + with_word)) + 1
    return tf.concat([[tf.reduce_mean(weights)], weights], axis=0)
""",
            because=(
                "This is scikit-learn's formula, log((1 + N) / (1 + n)) + 1. Keras takes "
                "log(1 + N / (1 + n))."
            ),
            like=lambda counts: _weights(counts, inner=0.0, above=1.0, outer=1.0),
        ),
        NearMiss(
            code="""
def tf_idf_weights(counts):
    documents = tf.cast(tf.shape(counts)[0], tf.float32)
    with_word = tf.reduce_sum(tf.cast(counts > 0, tf.float32), axis=0)
    with_word = tf.concat([[0.0], with_word], axis=0)
    return tf.math.log(1 + documents / (1 + with_word))
""",
            because=(
                "The words are right. For unknown words you took the formula with n = 0, the "
                "largest weight of all; Keras takes the mean of the other weights."
            ),
            like=lambda counts: _weights(counts, unknown="never"),
        ),
        NearMiss(
            code="""
def tf_idf_weights(counts):
    documents = tf.cast(tf.shape(counts)[0], tf.float32)
    with_word = tf.reduce_sum(tf.cast(counts > 0, tf.float32), axis=0)
    return tf.math.log(1 + documents / (1 + with_word))
""",
            because="The weight of unknown words is missing: put the mean of the others in front.",
            like=lambda counts: _weights(counts)[1:],
        ),
    )
    alternatives = (
        """
def tf_idf_weights(counts):
    counts = counts.numpy()
    weights = np.log(1 + len(counts) / (1 + np.count_nonzero(counts, axis=0)))
    return np.append(weights.mean(), weights).astype(np.float32)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def counts(documents: int, words: int) -> np.ndarray:
            table = rng.integers(0, 4, (documents, words)) * (rng.random((documents, words)) < 0.5)
            at_home = rng.integers(0, documents, words)
            table[at_home, np.arange(words)] += 2  # every word stands somewhere, and twice
            return table.astype(np.int64)

        yield Case({"counts": counts(int(rng.integers(4, 8)), int(rng.integers(3, 6)))})
        yield Case({"counts": counts(3, 8)}, "more words than documents")
        yield Case({"counts": counts(1, 3)}, "a single document")

    def expected(self, counts: np.ndarray) -> Any:
        return _weights(counts)


def _normalised(
    text: str, *, form: str = "NFKC", drop: str = "Cf", case: str = "fold", late: bool = False
) -> str:
    """Return the text in one spelling, sign by sign."""

    def in_case(text: str) -> str:
        return text.casefold() if case == "fold" else text.lower() if case == "lower" else text

    text = in_case(text) if late else text
    text = unicodedata.normalize(form, text)  # type: ignore[arg-type]
    text = text if late else in_case(text)
    result = ""
    for sign in text:
        if (drop == "Cf" and unicodedata.category(sign) == "Cf") or sign == drop:
            continue
        if not sign.isspace():
            result += sign
        elif result and not result.endswith(" "):
            result += " "
    return result.rstrip(" ")


@register
class NormaliseTextExercise(Exercise):
    """One spelling for what looks alike."""

    name = "normalise_text"
    title = "One word, one spelling"
    points = 2
    see = "Unicode: one word, several spellings"
    hints = (
        'Three steps. `unicodedata.normalize("NFKC", text)` is the first; `text.casefold()` '
        "comes after it.",
        'A format character is one with `unicodedata.category(sign) == "Cf"`. Keep the others: '
        '`"".join(sign for sign in text if …)`.',
        'Split at white space and join again with one space: `" ".join(text.split())`.',
    )
    why = (
        "A table of words compares bytes, and what a reader takes for one word can be many byte "
        "strings. NFKC makes one form of composed and full-width characters, `casefold` goes "
        "further than `lower`, and format characters such as a byte order mark cannot be seen at "
        "all. Do it once, at the door, with the same function in training and in use."
    )
    near_misses = (
        NearMiss(
            code="""
def normalise_text(text):
    text = unicodedata.normalize("NFC", text).casefold()
    text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    return " ".join(text.split())
""",
            because=(
                "NFC composes letters and accents, and leaves full-width letters and signs such as "
                "“™” as they are. The form for comparing words is NFKC."
            ),
            like=lambda text: _normalised(text, form="NFC"),
        ),
        NearMiss(
            code="""
def normalise_text(text):
    text = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(text.split())
""",
            because=(
                "Characters that nobody sees are still there. A byte order mark or a zero-width "
                "space is no white space: leave out the characters of category Cf."
            ),
            like=lambda text: _normalised(text, drop=""),
        ),
        NearMiss(
            code="""
def normalise_text(text):
    text = unicodedata.normalize("NFKC", text).casefold().replace("\\ufeff", "")
    return " ".join(text.split())
""",
            because=(
                "The byte order mark is gone, the other invisible characters are not: leave out "
                "all of category Cf."
            ),
            like=lambda text: _normalised(text, drop="\ufeff"),
        ),
        NearMiss(
            code="""
def normalise_text(text):
    text = unicodedata.normalize("NFKC", text).lower()
    text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    return " ".join(text.split())
""",
            because="`lower` keeps “ß”; `casefold` makes “ss” of it, as capital letters do.",
            like=lambda text: _normalised(text, case="lower"),
        ),
        NearMiss(
            code="""
def normalise_text(text):
    text = unicodedata.normalize("NFKC", text.casefold())
    text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    return " ".join(text.split())
""",
            because=(
                "The case was folded too early: NFKC makes the capital letters TM of “™”. "
                "Normalise first."
            ),
            like=lambda text: _normalised(text, late=True),
        ),
    )
    alternatives = (
        """
def normalise_text(text):
    kept = [c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf"]
    return re.sub(r"\\s+", " ", "".join(kept)).strip().casefold()
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(pieces: list[str], note: str) -> Case:
            words = [_word(rng).upper() if rng.random() < 0.5 else _word(rng) for _ in pieces]
            order = rng.permutation(len(pieces))
            text = "".join(f"{words[i]}{pieces[i]}" for i in order)
            return Case({"text": f"{text}{_word(rng)}"}, note)

        seen = ["　ＴＥＮＳＯＲ　", " Straße ", " Keras™  ", "，Cafe\u0301\t"]
        unseen = ["\ufeff", "\u200b ", "\u00ad"]
        yield case([*seen, *unseen], "full-width, composed and invisible characters")
        yield case(["\u2028", " \u00a0 ", "\u3000\n", *unseen], "white space of several kinds")
        yield Case({"text": f"\ufeff \u3000{_word(rng)} "}, "at the ends")
        yield Case({"text": ""}, "an empty text")

    def expected(self, text: str) -> Any:
        return _normalised(text)


def _cleaned(
    text: str,
    *,
    tag: str = r"</?[a-zA-Z][^>]*>",
    tags_first: bool = True,
    between: str = " ",
    runs: bool = True,
    ascii_only: str = "",
) -> str:
    """Return one cleaned text; ``ascii_only`` names what is done for the ASCII signs alone."""

    def keeps(sign: str) -> bool:
        if ascii_only == "signs":
            return not sign.isascii() or sign.isalnum()
        if ascii_only == "letters":
            return sign.isascii() and sign.isalnum()
        return unicodedata.category(sign)[0] in "LMN"

    if tags_first:
        text = re.sub(tag, " ", text)
    if ascii_only == "lower":
        text = "".join(sign.lower() if sign.isascii() else sign for sign in text)
    else:
        text = text.lower()
    result = ""
    for sign in text:
        if keeps(sign):
            result += sign
        elif between == "":
            result += " " if sign == " " else ""
        elif not runs or not result.endswith(" "):
            result += " "
    return result.strip(" ")


@register
class CleanTextExercise(Exercise):
    """A function for ``standardize=``."""

    name = "clean_text"
    title = "A cleaning function for every script"
    points = 2
    see = "A cleaning function of your own"
    hints = (
        "Three calls of `tf.strings`: two times `regex_replace`, one time `lower`. Begin with the "
        "tags; the pattern `</?[a-zA-Z][^>]*>` says what the text above says.",
        '`tf.strings.lower` knows the letters beyond a to z when you say `encoding="utf-8"`.',
        "What is no letter (`\\p{L}`), no mark (`\\p{M}`) and no digit (`\\p{N}`), in one run: "
        "`[^\\p{L}\\p{M}\\p{N}]+`. Replace it by one space, and `tf.strings.strip` the rest.",
    )
    why = (
        "The built-in standardisation knows only the letters and signs of ASCII, and it deletes a "
        "sign where a word ends. A space in its place keeps words apart. Only operations of "
        "TensorFlow stand in the function, so that it runs in a pipeline and inside a saved model."
    )
    near_misses = (
        NearMiss(
            code=r"""
def clean_text(texts):
    texts = tf.strings.lower(texts, encoding="utf-8")
    return tf.strings.strip(tf.strings.regex_replace(texts, r"[^\p{L}\p{M}\p{N}]+", " "))
""",
            because="The names of the tags are among the words. Replace the tags by a space first.",
            like=lambda texts: [_cleaned(text, tags_first=False) for text in texts],
        ),
        NearMiss(
            code=r"""
def clean_text(texts):
    texts = tf.strings.regex_replace(texts, r"<[^>]*>", " ")
    texts = tf.strings.lower(texts, encoding="utf-8")
    return tf.strings.strip(tf.strings.regex_replace(texts, r"[^\p{L}\p{M}\p{N}]+", " "))
""",
            because=(
                "Text between “smaller than” and “greater than” was taken for a tag. In a tag a "
                "letter, or a slash and a letter, follows the <."
            ),
            like=lambda texts: [_cleaned(text, tag=r"<[^>]*>") for text in texts],
        ),
        NearMiss(
            code=r"""
def clean_text(texts):
    texts = tf.strings.regex_replace(texts, r"</?[a-zA-Z].*>", " ")
    texts = tf.strings.lower(texts, encoding="utf-8")
    return tf.strings.strip(tf.strings.regex_replace(texts, r"[^\p{L}\p{M}\p{N}]+", " "))
""",
            because=(
                "Everything from the first < to the last > is gone: `.*` takes as much as it can. "
                "Use `[^>]*`, which stops at the next >."
            ),
            like=lambda texts: [_cleaned(text, tag=r"</?[a-zA-Z].*>") for text in texts],
        ),
        NearMiss(
            code=r"""
def clean_text(texts):
    texts = tf.strings.regex_replace(texts, r"</?[a-zA-Z][^>]*>", " ")
    texts = tf.strings.lower(texts)
    return tf.strings.strip(tf.strings.regex_replace(texts, r"[^\p{L}\p{M}\p{N}]+", " "))
""",
            because=(
                'Letters such as “É” are still capitals: without `encoding="utf-8"` '
                "`tf.strings.lower` knows A to Z only."
            ),
            like=lambda texts: [_cleaned(text, ascii_only="lower") for text in texts],
        ),
        NearMiss(
            code=r"""
def clean_text(texts):
    texts = tf.strings.regex_replace(texts, r"</?[a-zA-Z][^>]*>", " ")
    texts = tf.strings.lower(texts, encoding="utf-8")
    return tf.strings.strip(tf.strings.regex_replace(texts, r"[^\p{L}\p{M}\p{N} ]+", ""))
""",
            because=(
                "Signs were deleted, and the words beside them grew together. Put one space in the "
                "place of each run."
            ),
            like=lambda texts: [_cleaned(text, between="") for text in texts],
        ),
        NearMiss(
            code=r"""
def clean_text(texts):
    texts = tf.strings.regex_replace(texts, r"</?[a-zA-Z][^>]*>", " ")
    texts = tf.strings.lower(texts, encoding="utf-8")
    return tf.strings.strip(tf.strings.regex_replace(texts, r"[^\p{L}\p{M}\p{N}]", " "))
""",
            because=(
                "Some words have several spaces between them. A `+` behind the brackets takes a "
                "whole run of signs at once, and one space replaces it."
            ),
            like=lambda texts: [_cleaned(text, runs=False) for text in texts],
        ),
        NearMiss(
            code=r"""
def clean_text(texts):
    texts = tf.strings.regex_replace(texts, r"</?[a-zA-Z][^>]*>", " ")
    texts = tf.strings.lower(texts, encoding="utf-8")
    return tf.strings.strip(tf.strings.regex_replace(texts, r"[^a-z0-9]+", " "))
""",
            because="Letters of other scripts were thrown away. Keep `\\p{L}`, `\\p{M}` and `\\p{N}`.",
            like=lambda texts: [_cleaned(text, ascii_only="letters") for text in texts],
        ),
        NearMiss(
            code=r"""
def clean_text(texts):
    texts = tf.strings.regex_replace(texts, r"</?[a-zA-Z][^>]*>", " ")
    texts = tf.strings.lower(texts, encoding="utf-8")
    signs = "[" + re.escape(string.punctuation) + r"\s]+"
    return tf.strings.strip(tf.strings.regex_replace(texts, signs, " "))
""",
            because=(
                "Only the signs of ASCII were replaced; “。” and “…” are still there. Replace "
                "everything that is no letter, mark or digit."
            ),
            like=lambda texts: [_cleaned(text, ascii_only="signs") for text in texts],
        ),
    )
    alternatives = (
        r"""
@tf.function
def clean_text(texts):
    texts = tf.strings.lower(texts, encoding="utf-8")
    texts = tf.strings.regex_replace(texts, "</?[a-z][^>]*>", " ")
    texts = tf.strings.regex_replace(texts, r"[^\p{L}\p{M}\p{N}]", " ")
    return tf.strings.strip(tf.strings.regex_replace(texts, " +", " "))
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def a() -> str:
            return _word(rng)

        yield Case(
            {
                "texts": [
                    f"<p class='x'>{a()}<br />ÉCOLE</p> {a()}!",
                    f"{a()}。3 < {a()}, 5 > 4…{a()}-{a()}",
                    f"  <b>{a()}</b>，我  ",
                ]
            },
            "tags, comparisons and signs of two scripts",
        )
        yield Case({"texts": [f"{a()} {a()}", "", "!?"]}, "with texts of no word")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Clean in a graph, as a pipeline or a saved model does: there no Python string exists."""
        import tensorflow as tf

        return tf.function(submission)(tf.constant(inputs["texts"]))

    def expected(self, texts: list[str]) -> Any:
        return [_cleaned(text) for text in texts]


def _kind(sign: str) -> str:
    if "\u4e00" <= sign <= "\u9fff":
        return "Chinese"
    return "Latin" if sign.isascii() and sign.isalnum() else "other"


def _bigrams(
    text: str,
    *,
    alone: bool = True,
    step: int = 1,
    across: bool = False,
    letters: bool = False,
    lower: bool = True,
    also_single: bool = False,
) -> list[str]:
    """Return the tokens, going through the signs one by one."""
    text = text.lower() if lower else text
    if across:
        text = "".join(sign for sign in text if _kind(sign) != "other" or sign == " ")
    tokens: list[str] = []
    at = 0
    while at < len(text):
        end = at
        while end < len(text) and _kind(text[end]) == _kind(text[at]):
            end += 1
        run, kind = text[at:end], _kind(text[at])
        at = end
        if kind == "Latin":
            tokens += list(run) if letters else [run]
        elif kind == "Chinese" and also_single:
            tokens += list(run)
        elif kind == "Chinese":
            pairs = [run[i : i + 2] for i in range(0, len(run) - 1, step)]
            tokens += pairs or ([run] if alone else [])
    return tokens


@register
class CharacterBigramsExercise(Exercise):
    """Tokens of mixed Chinese and English text, without a dictionary."""

    name = "character_bigrams"
    title = "Pairs of characters"
    points = 3
    see = "Chinese: where are the words?"
    hints = (
        "Find the runs first, in their order: one regular expression with two alternatives, "
        '`re.findall(r"[\\u4e00-\\u9fff]+|[a-z0-9]+", text.lower())`.',
        "A run is Chinese if its first character is not below `\\u4e00`. An English run is one "
        "token.",
        "The pairs of a run are `run[i : i + 2]` for `i` from 0 to the last but one. For a run of "
        "one character there are none: take the run.",
    )
    why = (
        "Most Chinese words have one or two characters, so pairs of neighbours hit most of them "
        "without a dictionary, and a pair such as 不好 keeps the “not” at its word. A pair never "
        "reaches across a sign: what stands on its two sides are different phrases."
    )
    near_misses = (
        NearMiss(
            code=r"""
def character_bigrams(text):
    tokens = []
    for run in re.findall(r"[\u4e00-\u9fff]+|[a-z0-9]+", text.lower()):
        if run[0] < "\u4e00":
            tokens.append(run)
        else:
            tokens += [run[i : i + 2] for i in range(len(run) - 1)]
    return tokens
""",
            because="A Chinese character that stands alone was lost: it is a token itself.",
            like=lambda text: _bigrams(text, alone=False),
        ),
        NearMiss(
            code=r"""
def character_bigrams(text):
    tokens = []
    for run in re.findall(r"[\u4e00-\u9fff]+|[a-z0-9]+", text.lower()):
        if run[0] < "\u4e00":
            tokens.append(run)
        else:
            tokens += [run[i : i + 2] for i in range(0, len(run) - 1, 2)] or [run]
    return tokens
""",
            because=(
                "The pairs do not overlap. Nobody knows where a word begins, so take the pair that "
                "begins at every character but the last."
            ),
            like=lambda text: _bigrams(text, step=2),
        ),
        NearMiss(
            code=r"""
def character_bigrams(text):
    tokens = []
    for run in re.findall(r"[\u4e00-\u9fff]+|[a-z0-9]+", re.sub(r"[^\w ]", "", text.lower())):
        if run[0] < "\u4e00":
            tokens.append(run)
        else:
            tokens += [run[i : i + 2] for i in range(len(run) - 1)] or [run]
    return tokens
""",
            because=(
                "A pair, or a word, reaches across a sign. Do not delete signs first: they end a "
                "run."
            ),
            like=lambda text: _bigrams(text, across=True),
        ),
        NearMiss(
            code=r"""
def character_bigrams(text):
    tokens = []
    for run in re.findall(r"[\u4e00-\u9fff]+|[A-Za-z0-9]+", text):
        if run[0] < "\u4e00":
            tokens.append(run)
        else:
            tokens += [run[i : i + 2] for i in range(len(run) - 1)] or [run]
    return tokens
""",
            because="English words are to be in lower case.",
            like=lambda text: _bigrams(text, lower=False),
        ),
        NearMiss(
            code=r"""
def character_bigrams(text):
    return re.findall(r"[\u4e00-\u9fff]|[a-z0-9]+", text.lower())
""",
            because="These are single characters. Of a run of two or more, take the pairs.",
            like=lambda text: _bigrams(text, also_single=True),
        ),
    )
    alternatives = (
        r"""
def character_bigrams(text):
    tokens, last = [], None
    for match in re.finditer(r"([\u4e00-\u9fff]+)|[A-Za-z0-9]+", text):
        run = match.group()
        if match.group(1) is None or len(run) == 1:
            tokens.append(run.lower())
        else:
            tokens.extend(a + b for a, b in zip(run, run[1:]))
    return tokens
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def chinese(length: int) -> str:
            signs = rng.choice(list("这部电影真的很好看不我喜欢一龥鿿"), length)
            return "".join(signs)

        def english() -> str:
            return str(rng.choice(["Keras", "TensorFlow2", "GPU", "b2C"]))

        mixed = f"{chinese(5)}，{chinese(1)}！{english()} {english()}{chinese(4)}-{english()}."
        yield Case({"text": mixed}, "two scripts in one text")
        yield Case({"text": f"{chinese(3)} {chinese(2)}"}, "Chinese with a space in it")
        yield Case({"text": f"é{chinese(1)}…{english()}’s"}, "signs of other scripts")
        yield Case({"text": " ，。"}, "no token at all")

    def expected(self, text: str) -> Any:
        return _bigrams(text)
