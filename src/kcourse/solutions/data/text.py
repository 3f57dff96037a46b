"""Solutions of the lesson on text."""

import re
import unicodedata
from collections import Counter

import numpy as np
import tensorflow as tf


def build_vocabulary(texts: list[str], max_tokens: int) -> list[str]:
    """Return the vocabulary that TextVectorization learns from the texts.

    texts: list of strings: words in lower case, separated by white space.
    max_tokens: 2 or more.
    Result: list of at most max_tokens strings: "", "[UNK]", then the words, the most frequent
    first; of equally frequent words the one that is last in the order of their characters is first.
    """
    counts = Counter(word for text in texts for word in text.split())
    words = sorted(counts, key=lambda word: (counts[word], word), reverse=True)
    # The two reserved places are part of max_tokens, so cut after putting them in front.
    return ["", "[UNK]", *words][:max_tokens]


def encode_and_pad(texts: list[str], vocabulary: list[str], length: int) -> np.ndarray:
    """Return one row of token numbers for each text, all rows equally long.

    texts: list of strings: words separated by white space; a text may be empty.
    vocabulary: list of strings: "", "[UNK]", then words. length: 1 or more.
    Result: int64, shape (len(texts), length): the words' indices in the vocabulary, 1 for other
    words; what is too long is cut off at its end, what is too short is filled with 0 at its end.
    """
    numbers = {word: number for number, word in enumerate(vocabulary)}
    # Zeros everywhere first: then padding is what nobody writes over.
    rows = np.zeros((len(texts), length), np.int64)
    for row, text in zip(rows, texts, strict=True):
        found = [numbers.get(word, 1) for word in text.split()][:length]
        row[: len(found)] = found
    return rows


def tf_idf_weights(counts: tf.Tensor) -> tf.Tensor:
    """Return the weights that a TextVectorization layer in mode "tf_idf" learns.

    counts: int64 tensor, shape (documents, words): how often each word stands in each document;
    every word stands in one document or more.
    Result: float32, shape (1 + words,): the weight of unknown words, then those of the words.
    """
    documents = tf.cast(tf.shape(counts)[0], tf.float32)
    # A document counts once for a word, however often the word stands in it.
    with_word = tf.reduce_sum(tf.cast(counts > 0, tf.float32), axis=0)
    weights = tf.math.log(1 + documents / (1 + with_word))
    return tf.concat([[tf.reduce_mean(weights)], weights], axis=0)


def normalise_text(text: str) -> str:
    """Return the text in one spelling, so that equal words are equal strings.

    text: any string. Result: string: the form NFKC of the text, case folded, without format
    characters (category Cf), with one space for every run of white space and none at the ends.
    """
    # First NFKC: it makes ordinary letters of “™” or of full-width ones, and those may be capital.
    text = unicodedata.normalize("NFKC", text).casefold()
    text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    return " ".join(text.split())


def clean_text(texts: tf.Tensor) -> tf.Tensor:
    """Return the texts in lower case, without HTML tags, with words separated by one space.

    texts: string tensor of any shape, UTF-8. Result: string tensor of the same shape. A tag is
    what stands between < and the next >, if a letter, or a slash and a letter, follows the <.
    Letters, marks and digits of all scripts are kept, all else becomes a space; none at the ends.
    """
    # The tags go first: without their brackets they would look like words.
    for pattern in (r"</?[a-zA-Z][^>]*>", r"[^\p{L}\p{M}\p{N}]+"):
        texts = tf.strings.regex_replace(texts, pattern, " ")
    return tf.strings.strip(tf.strings.lower(texts, encoding="utf-8"))


def character_bigrams(text: str) -> list[str]:
    """Return the tokens of a text in Chinese, English or both, in their order.

    text: string; Chinese characters are those from U+4E00 to U+9FFF.
    Result: list of strings: for each unbroken run of Chinese characters its pairs of neighbours,
    or the character itself if it stands alone; for each unbroken run of the letters a to z (or A
    to Z) and the digits 0 to 9 the run in lower case.
    """
    tokens = []
    for run in re.findall(r"[\u4e00-\u9fff]+|[a-z0-9]+", text.lower()):
        if run[0] < "\u4e00":
            tokens.append(run)
        else:
            # A run of one character has no neighbours, and must not be lost.
            tokens += [run[i : i + 2] for i in range(len(run) - 1)] or [run]
    return tokens
