"""Solutions of the lesson on transformations and the speed of pipelines."""

import tensorflow as tf


def windows_to_pairs(series: tf.data.Dataset, length: int, ahead: int) -> tf.data.Dataset:
    """Turn a series into windows, each with the value that a model shall predict from it.

    series: dataset of numbers, shape () each. length: values in a window.
    ahead: how many steps after the last value of the window the wanted value lies; 1 or more.
    Result: dataset of (window, value), shapes (length,) and (), one for each step of the series
    after which both the window and its value still lie within it.
    """
    size = length + ahead  # from the first value of the window to the wanted one
    windows = series.window(size, shift=1, drop_remainder=True)
    # Of two drop_remainder, this one tells TensorFlow the length, so a model can be built.
    rows = windows.flat_map(lambda window: window.batch(size, drop_remainder=True))
    return rows.map(lambda row: (row[:length], row[-1]))


def pad_with_mask(sequences: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
    """Batch sequences of different lengths, and say which values are real.

    sequences: dataset of vectors, shape (n,) each; n differs and may be 0. Values may be 0.
    Result: dataset of (batch, mask), both of shape (b, longest of this batch); batch has zeros
    after the end of a sequence, mask is bool and True where the value is real. b is batch_size,
    and in the last batch what is left.
    """
    # The mask is made before the padding, while each sequence still has its own length.
    pairs = sequences.map(lambda sequence: (sequence, tf.fill(tf.shape(sequence), True)))
    return pairs.padded_batch(batch_size)


def split_stream(data: tf.data.Dataset, every: int) -> tuple[tf.data.Dataset, tf.data.Dataset]:
    """Split a stream of unknown length into training and validation, by position.

    data: dataset that gives the same order at each pass; its elements may be tuples.
    every: elements 0, every, 2·every, … are for validation, all others for training.
    Result: (training, validation), two datasets in the order of data.
    """
    # By position: who is asked again gives the same answer, so no element changes sides.
    rest = data.enumerate().filter(lambda index, element: index % every != 0)
    return rest.map(lambda index, element: element), data.shard(every, 0)


def interleave_files(paths: list[str], cycle: int, block: int) -> tf.data.Dataset:
    """Read CSV files in turns, without their headers.

    paths: names of the files; the first line of each is a header. cycle: how many files are read
    in turns. block: how many lines are taken from a file before it is the next one's turn.
    Result: dataset of lines, in an order that is the same at each pass.
    """
    files = tf.data.Dataset.from_tensor_slices(paths)
    return files.interleave(
        # Within the function skip drops the header of each file, outside only the first.
        lambda path: tf.data.TextLineDataset(path).skip(1),
        cycle_length=cycle,
        block_length=block,
        num_parallel_calls=tf.data.AUTOTUNE,
    )


def balanced_batches(data: tf.data.Dataset, classes: int, batch_size: int) -> tf.data.Dataset:
    """Make endless batches in which each class has equally many examples.

    data: dataset of (x, label), labels 0 to classes - 1, each of them there, some more often.
    batch_size: a multiple of classes.
    Result: endless dataset of (x, label), batches of batch_size. Every example of a class comes
    once before one of that class comes again.
    """

    def only(label: int) -> tf.data.Dataset:
        # Each class repeats for itself, so a rare one begins again while others go on.
        return data.filter(lambda x, y: y == label).repeat()

    streams = [only(label) for label in range(classes)]
    turns = tf.data.Dataset.range(classes).repeat()
    return tf.data.Dataset.choose_from_datasets(streams, turns).batch(batch_size)


def shard_of_worker(
    data: tf.data.Dataset, workers: int, index: int, buffer: int, batch_size: int
) -> tf.data.Dataset:
    """Make the batches of one worker out of several that share the data.

    data: dataset that gives the same order at each pass; its elements may be tuples.
    index: which worker this is, 0 to workers - 1. It takes the elements index, index + workers, …
    of data. All workers get equally many: an incomplete last round of data is left out.
    buffer: how many elements to shuffle among.
    Result: dataset of batches of the worker's elements, shuffled anew at each pass; the last may
    be smaller.
    """
    whole_rounds = data.batch(workers, drop_remainder=True).unbatch()
    # Shard first: after a shuffle of its own, each worker would see another order.
    return whole_rounds.shard(workers, index).shuffle(buffer).batch(batch_size)
