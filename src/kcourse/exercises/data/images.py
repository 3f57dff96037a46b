"""Exercises of the lesson on images."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kcourse.comparing import difference
from kcourse.exercise import Case, Exercise, NearMiss, Observation, Wrong, register


def _array(value: Any) -> np.ndarray:
    """Return ``value`` if it is an array, else one that no image looks like."""
    return value if isinstance(value, np.ndarray) else np.zeros(0)


def _bilinear(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize as TensorFlow does: between the centres of the pixels, without antialiasing."""
    for axis, size in ((0, height), (1, width)):
        length = image.shape[axis]
        places = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
        low = np.floor(places).astype(int)
        high = np.minimum(low + 1, length - 1)
        part = (places - low).reshape([-1 if a == axis else 1 for a in range(3)])
        image = (1 - part) * image.take(low, axis) + part * image.take(high, axis)
    return image


def _labels(
    paths: list[str], class_names: list[str], find: Callable[[str, list[str]], int]
) -> dict[str, Any]:
    return {"labels": [find(path, class_names) for path in paths], "dtype": "int32"}


def _by_folder(path: str, class_names: list[str], *, part: int = -2, unknown: int = -1) -> int:
    folder = path.split("/")[part]
    return class_names.index(folder) if folder in class_names else unknown


def _by_text(path: str, class_names: list[str]) -> int:
    return next((i for i, name in enumerate(class_names) if re.search(name, path)), -1)


@register
class LabelFromPathExercise(Exercise):
    """The class of an image is the name of its folder."""

    name = "label_from_path"
    title = "The label is in the path"
    points = 2
    see = "A pipeline of your own"
    hints = (
        "Inside `Dataset.map` the path is a string tensor, so Python's `split` does not work. "
        "`tf.strings.split` does. Which part of the path is the folder, counted from the end?",
        '`folder = tf.strings.split(path, "/")[-2]`. `tf.equal(tf.constant(class_names), folder)` '
        "compares it with every name at once.",
        "`tf.argmax(tf.cast(matches, tf.int32), output_type=tf.int32)` is the place of the match. "
        "If nothing matches it says 0, so choose with `tf.where(tf.reduce_any(matches), …, -1)`.",
    )
    why = (
        "The folder is the last part but one of the path, however deep the data lie. Comparing "
        "whole names keeps `car` and `carpet` apart, and a text in the file's name cannot deceive. "
        "`argmax` alone would put every strange folder into class 0."
    )
    near_misses = (
        NearMiss(
            code="""
def label_from_path(path, class_names):
    folder = tf.strings.split(path, "/")[-2]
    matches = tf.equal(tf.constant(class_names), folder)
    return tf.argmax(tf.cast(matches, tf.int32), output_type=tf.int32)
""",
            because=(
                "A folder that is no class became class 0: the `argmax` of nothing but zeros is 0. "
                "Such an image must get -1."
            ),
            like=lambda paths, class_names: _labels(
                paths, class_names, lambda p, n: _by_folder(p, n, unknown=0)
            ),
        ),
        NearMiss(
            code="""
def label_from_path(path, class_names):
    folder = tf.strings.split(path, "/")[1]
    matches = tf.equal(tf.constant(class_names), folder)
    index = tf.argmax(tf.cast(matches, tf.int32), output_type=tf.int32)
    return tf.where(tf.reduce_any(matches), index, -1)
""",
            because=(
                "The folder was counted from the beginning of the path. Count from the end: the "
                "path may begin with any number of folders."
            ),
            like=lambda paths, class_names: _labels(
                paths, class_names, lambda p, n: _by_folder(p, n, part=1)
            ),
        ),
        NearMiss(
            code="""
def label_from_path(path, class_names):
    found = [tf.strings.regex_full_match(path, f".*{name}.*") for name in class_names]
    index = tf.argmax(tf.cast(found, tf.int32), output_type=tf.int32)
    return tf.where(tf.reduce_any(found), index, -1)
""",
            because=(
                "A class name was looked for anywhere in the path. It may be part of a file's name "
                "or of a longer word; compare the name of the folder, and all of it."
            ),
            like=lambda paths, class_names: _labels(paths, class_names, _by_text),
        ),
    )
    alternatives = (
        """
def label_from_path(path, class_names):
    folder = tf.strings.regex_replace(path, "^.*/([^/]+)/[^/]+$", r"\\1")
    matches = tf.stack([folder == name for name in class_names])
    numbers = tf.range(len(class_names))
    return tf.reduce_max(tf.where(matches, numbers, -1))
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        names = ["car", "carpet", "cat", "dog", "person"]

        def case(roots: list[str], note: str) -> Case:
            order = [str(name) for name in rng.permutation(names)]
            inside = [*order, "strange", "Cat"]
            paths = [
                f"{roots[i % len(roots)]}/{folder}/{rng.choice(names)}_{rng.integers(999):03d}.jpg"
                for i, folder in enumerate(rng.permutation(inside))
            ]
            return Case({"paths": paths, "class_names": order}, note)

        yield case(["photos/train", "data", "/photos/cat/all"], "paths of several depths")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Trace the answer as Dataset.map does, and call it with each path."""
        import tensorflow as tf

        @tf.function(input_signature=[tf.TensorSpec((), tf.string)])
        def label(path: Any) -> Any:
            return submission(path, inputs["class_names"])

        labels = [label(tf.constant(path)) for path in inputs["paths"]]
        return {"labels": labels, "dtype": getattr(labels[0], "dtype", None)}

    def expected(self, paths: list[str], class_names: list[str]) -> Any:
        return _labels(paths, class_names, _by_folder)


def _small(pixels: np.ndarray, height: int, width: int, *, nearest: bool) -> np.ndarray:
    """Return the pixels as an image of three channels, 0 to 1, of the size asked for."""
    coloured = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[..., :3]
    if nearest:
        step = len(pixels) // height
        return coloured[step // 2 :: step, step // 2 :: step] / 255
    return _bilinear(coloured / 255, height, width)


def _loaded(
    files: list[dict[str, Any]],
    height: int,
    width: int,
    *,
    scale: float = 1.0,
    say: bool = True,
    black: bool = False,
    endings: bool = False,
    nearest: bool = False,
) -> dict[str, Any]:
    """Return the images of the good files and the names of the others, or a wrong version."""
    images, skipped = [], []
    for file in files:
        good = file["kind"] in ("png", "jpeg")
        if endings:
            good = good and file["name"].endswith(file["kind"].replace("jpeg", "jpg"))
        if good:
            pixels = np.asarray(file["pixels"], float)
            images.append(scale * _small(pixels, height, width, nearest=nearest))
        else:
            skipped.append(file["name"])
            if black:
                images.append(np.zeros((height, width, 3)))
    kept = np.array(images).reshape(-1, height, width, 3)
    return {"images": kept, "dtype": "float32", "skipped": skipped if say else []}


@register
class LoadImagesThatDecodeExercise(Exercise):
    """A loader that survives bad files, and does not hide them."""

    name = "load_images_that_decode"
    title = "Survive bad files, and say which"
    points = 3
    see = "Files that are not what they say"
    hints = (
        "Treat one path at a time: read, decode, resize, scale. Which of these lines can fail, and "
        "what does it raise? `tf.errors.OpError` is the base class of TensorFlow's errors.",
        "`tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)` between "
        "`try:` and `except tf.errors.OpError:`; in the second branch add the path to `skipped`, "
        "and `continue`.",
        "`tf.image.resize` gives float32 values in 0–255: divide by 255. At the end "
        "`np.array(images, np.float32).reshape(-1, height, width, 3)` is right for no image too.",
    )
    why = (
        "The decoder looks at the first bytes, not at the file's name, so a PNG named .jpg is "
        "fine, and `channels=3` gives all images the same form. What cannot be used is left out "
        "and named: a loader that drops files in silence makes a small data set look whole."
    )
    near_misses = (
        NearMiss(
            code="""
def load_images_that_decode(paths, height, width):
    images = []
    for path in paths:
        try:
            image = tf.io.decode_image(tf.io.read_file(path), 3, expand_animations=False)
        except tf.errors.OpError:
            continue
        images.append(tf.image.resize(image, (height, width)) / 255)
    return np.array(images, np.float32).reshape(-1, height, width, 3), []
""",
            because="The bad files were left out in silence. Collect their paths in `skipped`.",
            like=lambda **inputs: _loaded(**inputs, say=False),
        ),
        NearMiss(
            code="""
def load_images_that_decode(paths, height, width):
    images, skipped = [], []
    for path in paths:
        try:
            image = tf.io.decode_image(tf.io.read_file(path), 3, expand_animations=False)
        except tf.errors.OpError:
            skipped.append(path)
            continue
        image = tf.image.resize(image, (height, width))
        images.append(tf.image.convert_image_dtype(image, tf.float32))
    return np.array(images, np.float32).reshape(-1, height, width, 3), skipped
""",
            because=(
                "The values go up to 255. `tf.image.resize` has made floats of them already, and "
                "`convert_image_dtype` scales integers only. Divide by 255."
            ),
            like=lambda **inputs: _loaded(**inputs, scale=255.0),
        ),
        NearMiss(
            code="""
def load_images_that_decode(paths, height, width):
    images, skipped = [], []
    for path in paths:
        try:
            image = tf.io.decode_image(tf.io.read_file(path), 3, expand_animations=False)
        except tf.errors.OpError:
            skipped.append(path)
            image = tf.zeros((height, width, 3))
        images.append(tf.image.resize(image, (height, width)) / 255)
    return np.array(images, np.float32).reshape(-1, height, width, 3), skipped
""",
            because=(
                "Black images stand in for the bad files. A model would learn from them; leave "
                "them out."
            ),
            like=lambda **inputs: _loaded(**inputs, black=True),
        ),
        NearMiss(
            code="""
def load_images_that_decode(paths, height, width):
    images, skipped = [], []
    for path in paths:
        try:
            contents = tf.io.read_file(path)
            png = contents.numpy().startswith(b"\\x89PNG")
            if png != path.endswith(".png"):
                raise tf.errors.InvalidArgumentError(None, None, "wrong name")
            image = tf.io.decode_image(contents, 3, expand_animations=False)
        except tf.errors.OpError:
            skipped.append(path)
            continue
        images.append(tf.image.resize(image, (height, width)) / 255)
    return np.array(images, np.float32).reshape(-1, height, width, 3), skipped
""",
            because=(
                "A good image was left out because of its name. The decoder looks at the bytes; "
                "what the name ends with does not matter."
            ),
            like=lambda **inputs: _loaded(**inputs, endings=True),
        ),
        NearMiss(
            code="""
def load_images_that_decode(paths, height, width):
    images, skipped = [], []
    for path in paths:
        try:
            image = keras.utils.load_img(path, target_size=(height, width))
        except OSError:
            skipped.append(path)
            continue
        images.append(keras.utils.img_to_array(image) / 255)
    return np.array(images, np.float32).reshape(-1, height, width, 3), skipped
""",
            because=(
                "The images were made smaller by leaving pixels out: `load_img` takes the nearest "
                "one. Wanted is bilinear interpolation, as by `tf.image.resize`."
            ),
            like=lambda **inputs: _loaded(**inputs, nearest=True),
        ),
    )
    alternatives = (
        """
def load_images_that_decode(paths, height, width):
    resizing = keras.layers.Resizing(height, width)
    images, skipped = np.zeros((0, height, width, 3), np.float32), []
    for path in paths:
        try:
            image = tf.image.decode_jpeg(tf.io.read_file(path), channels=3)
            image = resizing(tf.cast(image, tf.float32))[None] / 255
            images = np.concatenate([images, image])
        except (tf.errors.InvalidArgumentError, tf.errors.NotFoundError):
            skipped.append(path)
    return images, skipped
""",
    )
    atol = 1e-3  # a JPEG file need not keep every value exactly

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def file(kind: str, name: str, channels: int = 3, scale: int = 1) -> dict[str, Any]:
            height, width = 3 * scale, 4 * scale
            pixels = rng.integers(0, 256, (height, width, channels))
            if kind == "jpeg":  # one grey, which JPEG keeps
                pixels[:] = rng.integers(40, 220)
            return {"kind": kind, "name": name, "pixels": pixels.astype(np.uint8)}

        files = [
            file("png", "a.png", scale=2),
            file("empty", "b.jpg"),
            file("jpeg", "c.jpg", scale=4),
            file("png", "d.jpg", channels=1),
            file("text", "e.png"),
            file("png", "f.png", channels=4),
            file("half", "g.png", scale=8),
            file("missing", "h.jpg"),
            file("jpeg", "i.png"),
        ]
        order = rng.permutation(len(files))
        files = [files[int(i)] for i in order]
        yield Case({"files": files, "height": 3, "width": 4}, "good and bad files")
        bad = [file("text", "a.jpg"), file("empty", "b.png")]
        yield Case({"files": bad, "height": 2, "width": 5}, "no good file at all")

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Write the files into a temporary folder, and have them loaded."""
        import tempfile
        from pathlib import Path

        import numpy as np
        import tensorflow as tf

        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for file in inputs["files"]:
                path = Path(folder, file["name"])
                paths.append(str(path))
                if file["kind"] == "jpeg":
                    contents = tf.io.encode_jpeg(file["pixels"], quality=100).numpy()
                else:
                    contents = tf.io.encode_png(file["pixels"]).numpy()
                if file["kind"] == "half":
                    contents = contents[: len(contents) // 2]
                elif file["kind"] == "empty":
                    contents = b""
                elif file["kind"] == "text":
                    contents = b"<html>404 Not Found</html>"
                if file["kind"] != "missing":
                    path.write_bytes(contents)
            result = submission(paths, inputs["height"], inputs["width"])
            if not isinstance(result, tuple | list) or len(result) != 2:
                return result
            images, skipped = result
            if isinstance(skipped, tuple | list):
                names = {path: Path(path).name for path in paths}
                skipped = [names.get(p, p) if isinstance(p, str) else p for p in skipped]
            dtype = images.dtype if isinstance(images, np.ndarray | tf.Tensor) else None
            return {"images": images, "dtype": dtype, "skipped": skipped}

    def expected(self, **inputs: Any) -> Any:
        return _loaded(**inputs)

    def differs(self, got: Any, expected: Any) -> str | None:
        if not isinstance(got, dict) or got.keys() != expected.keys():
            return "Two results are wanted: the images, then the list of skipped paths."
        # An empty list is compared as numbers; say plainly that names are missing or too many.
        if not isinstance(got["skipped"], list) or len(got["skipped"]) != len(expected["skipped"]):
            return f"'skipped' should name {len(expected['skipped'])} files."
        return super().differs(got, expected)


def _letterbox(
    image: np.ndarray,
    size: int,
    fill: float,
    *,
    how: str = "centre",
    rounding: Callable[[float], float] = round,
) -> dict[str, Any]:
    """Return the square and the place of the image in it, or a wrong version of these."""
    image = image.astype(np.float64)
    h, w, channels = image.shape
    if how == "stretch":
        return {"square": _bilinear(image, size, size), "place": [0, 0, size, size]}
    if how == "crop":
        side = min(h, w)
        top, left = (h - side) // 2, (w - side) // 2
        part = image[top : top + side, left : left + side]
        return {"square": _bilinear(part, size, size), "place": [0, 0, size, size]}
    height = max(1, int(rounding(size * h / max(h, w))))
    width = max(1, int(rounding(size * w / max(h, w))))
    top, left = (0, 0) if how == "corner" else ((size - height) // 2, (size - width) // 2)
    if how == "pad first":
        side = max(h, w)
        wide = np.full((side, side, channels), fill, np.float64)
        y, x = (side - h) // 2, (side - w) // 2
        wide[y : y + h, x : x + w] = image
        return {"square": _bilinear(wide, size, size), "place": [top, left, height, width]}
    square = np.full((size, size, channels), 0.0 if how == "black" else fill)
    square[top : top + height, left : left + width] = _bilinear(image, height, width)
    return {"square": square, "place": [top, left, height, width]}


@register
class ResizeWithPaddingExercise(Exercise):
    """An image in a square, not distorted, with its place known."""

    name = "resize_with_padding"
    title = "Fit into a square"
    points = 3
    see = "One size for all"
    hints = (
        "One factor for both sides keeps the form. The longer side becomes `size`: what does the "
        "other become?",
        "`height = max(1, round(size * image.shape[0] / longer))`, the same for the width. What is "
        "missing to `size` is shared: `top = (size - height) // 2`, the rest below.",
        "`tf.image.resize(image, (height, width))`, then `tf.pad(…, [[top, size - height - top], "
        "[left, size - width - left], [0, 0]], constant_values=fill)`.",
    )
    why = (
        "Resizing first and padding afterwards keeps the border sharp: no pixel is mixed with the "
        "filling, as happens when a padded image is resized. The place is what you need to carry "
        "boxes into the square, and predictions back."
    )
    near_misses = (
        NearMiss(
            code="""
def resize_with_padding(image, size, fill):
    return tf.image.resize(image, (size, size)), (0, 0, size, size)
""",
            because="The image was stretched to a square. Both sides need the same factor.",
            like=lambda **inputs: _letterbox(**inputs, how="stretch"),
        ),
        NearMiss(
            code="""
def resize_with_padding(image, size, fill):
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    image = image[top : top + side, left : left + side]
    return tf.image.resize(image, (size, size)), (0, 0, size, size)
""",
            because="The ends of the image were cut off. All of it must stay in view.",
            like=lambda **inputs: _letterbox(**inputs, how="crop"),
        ),
        NearMiss(
            code="""
def resize_with_padding(image, size, fill):
    longer = max(image.shape[:2])
    height = max(1, round(size * image.shape[0] / longer))
    width = max(1, round(size * image.shape[1] / longer))
    around = [[0, size - height], [0, size - width], [0, 0]]
    square = tf.pad(tf.image.resize(image, (height, width)), around, constant_values=fill)
    return square, (0, 0, height, width)
""",
            because=(
                "All of the filling is below or right. Share it: half of it goes above or left."
            ),
            like=lambda **inputs: _letterbox(**inputs, how="corner"),
        ),
        NearMiss(
            code="""
def resize_with_padding(image, size, fill):
    longer = max(image.shape[:2])
    height = max(1, round(size * image.shape[0] / longer))
    width = max(1, round(size * image.shape[1] / longer))
    top, left = (size - height) // 2, (size - width) // 2
    around = [[top, size - height - top], [left, size - width - left], [0, 0]]
    return tf.pad(tf.image.resize(image, (height, width)), around), (top, left, height, width)
""",
            because="The filling is 0, not `fill`. `tf.pad` takes `constant_values`.",
            like=lambda **inputs: _letterbox(**inputs, how="black"),
        ),
        NearMiss(
            code="""
def resize_with_padding(image, size, fill):
    longer = max(image.shape[:2])
    height = max(1, int(size * image.shape[0] / longer))
    width = max(1, int(size * image.shape[1] / longer))
    top, left = (size - height) // 2, (size - width) // 2
    around = [[top, size - height - top], [left, size - width - left], [0, 0]]
    square = tf.pad(tf.image.resize(image, (height, width)), around, constant_values=fill)
    return square, (top, left, height, width)
""",
            because="The shorter side was cut down to a whole number. Round it to the nearest.",
            like=lambda **inputs: _letterbox(**inputs, rounding=np.floor),
        ),
        NearMiss(
            code="""
def resize_with_padding(image, size, fill):
    layer = keras.layers.Resizing(size, size, pad_to_aspect_ratio=True, fill_value=fill)
    longer = max(image.shape[:2])
    height = max(1, round(size * image.shape[0] / longer))
    width = max(1, round(size * image.shape[1] / longer))
    return layer(image), ((size - height) // 2, (size - width) // 2, height, width)
""",
            because=(
                "The image was padded first and resized afterwards, so pixels at its border are "
                "mixed with the filling. Resize first."
            ),
            like=lambda **inputs: _letterbox(**inputs, how="pad first"),
        ),
    )
    alternatives = (
        """
def resize_with_padding(image, size, fill):
    h, w, channels = image.shape
    factor = size / max(h, w)
    height, width = max(1, int(h * factor + 0.5)), max(1, int(w * factor + 0.5))
    top, left = (size - height) // 2, (size - width) // 2
    square = np.full((size, size, channels), fill, np.float32)
    square[top : top + height, left : left + width] = tf.image.resize(image, (height, width))
    return square, [top, left, height, width]
""",
    )
    rtol = 1e-4
    atol = 1e-4

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        shapes = (
            (4, 10, 3, 5, "wide, made smaller"),
            (9, 7, 1, 6, "tall; the width is rounded up"),
            (3, 7, 2, 10, "wide, enlarged; the height is rounded down"),
            (40, 1, 1, 8, "so narrow that less than half a pixel is left"),
            (5, 5, 3, 4, "already square"),
        )
        for height, width, channels, size, note in shapes:
            image = rng.uniform(0, 1, (height, width, channels)).astype(np.float32)
            fill = round(float(rng.uniform(2, 3)), 2)
            yield Case({"image": image, "size": size, "fill": fill}, note)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the answer, and name the two parts of what it returns."""
        import tensorflow as tf

        result = submission(tf.constant(inputs["image"]), inputs["size"], inputs["fill"])
        if not isinstance(result, tuple | list) or len(result) != 2:
            return result
        return {"square": result[0], "place": result[1]}

    def expected(self, **inputs: Any) -> Any:
        return _letterbox(**inputs)

    def differs(self, got: Any, expected: Any) -> str | None:
        if not isinstance(got, dict) or got.keys() != expected.keys():
            return "Two results are wanted: the square, then the place of the image in it."
        return super().differs(got, expected)


def _moves(images: np.ndarray, moved: np.ndarray, most: int) -> list[tuple[int, int] | None]:
    """Return by which step each image was moved, or None if by none within the limit."""
    padded = np.pad(images, ((0, 0), (most, most), (most, most), (0, 0)))
    height, width = images.shape[1:3]
    found: list[tuple[int, int] | None] = []
    for index, image in enumerate(moved):
        steps = [
            (most - row, most - column)
            for row in range(2 * most + 1)
            for column in range(2 * most + 1)
            if np.array_equal(
                padded[index, row : row + height, column : column + width],
                image,
            )
        ]
        found.append(steps[0] if steps else None)
    return found


_SHIFT_INIT = """
class RandomShift(keras.layers.Layer):
    def __init__(self, most, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.most = most
        self.generator = keras.random.SeedGenerator(seed)
"""


def _shift_call(
    *,
    training: str = "training=False",
    count: str = "size[0]",
    low: str = "0",
    padded: str = "tf.pad(images, [[0, 0], [m, m], [m, m], [0, 0]])",
) -> str:
    return f"""
    def call(self, images, {training}):
        if not training:
            return images
        m, size = self.most, tf.shape(images)
        padded = {padded}
        corners = keras.random.randint(({count}, 2), {low}, 2 * m + 1, seed=self.generator)
        corners = tf.broadcast_to(corners, (size[0], 2))
        rows, columns = corners[:, :1] + tf.range(size[1]), corners[:, 1:] + tf.range(size[2])
        padded = tf.gather(padded, rows, axis=1, batch_dims=1)
        return tf.gather(padded, columns, axis=2, batch_dims=1)
"""


@register
class RandomShiftExercise(Exercise):
    """An augmentation layer that works in training only, and can be repeated."""

    name = "RandomShift"
    title = "An augmentation layer of your own"
    points = 3
    see = "Only in training?"
    hints = (
        "Outside training the images go back as they came. In training, put `most` rows and "
        "columns of zeros around every image, and cut out a window of the old size at a random "
        "place.",
        "Make `keras.random.SeedGenerator(seed)` once, in `__init__`. In `call` draw two numbers "
        "for each image: `keras.random.randint((count, 2), 0, 2 * most + 1, seed=self.generator)`, "
        "with `count, height, width = tf.unstack(tf.shape(images)[:3])`.",
        "With `rows = corners[:, :1] + tf.range(height)` and the same for the columns: "
        "`tf.gather(padded, rows, axis=1, batch_dims=1)`, then the columns with `axis=2`.",
    )
    why = (
        "`training=False` as default makes a plain call of the layer harmless, unlike Keras's own "
        "Random* layers. A SeedGenerator is random state that Keras knows: it moves on at every "
        "call, compiled or not, and the same seed gives the same moves again. Cutting from a "
        "padded image brings in zeros, while rolling would bring in the other edge."
    )
    near_misses = (
        NearMiss(
            code=_SHIFT_INIT + _shift_call(training="training=True"),
            because="Called without `training=`, the layer moves images.",
            says="Outside training the layer must change nothing",
        ),
        NearMiss(
            code=_SHIFT_INIT + _shift_call(count="1"),
            because="One step for the whole batch.",
            says="All images were moved by the same step",
        ),
        NearMiss(
            code=_SHIFT_INIT + _shift_call(low="self.most"),
            because="Steps in one direction only.",
            says="No image was moved",
        ),
        NearMiss(
            code=_SHIFT_INIT
            + _shift_call(padded='tf.pad(images, [[0, 0], [m, m], [m, m], [0, 0]], "SYMMETRIC")'),
            because="The border is filled with a mirror image.",
            says="is no shifted copy",
        ),
        NearMiss(
            code=_SHIFT_INIT.replace("keras.random.SeedGenerator(seed)", "seed") + _shift_call(),
            because="A number as seed gives the same draw at every call.",
            says="Two calls give the same steps",
        ),
        NearMiss(
            code=_SHIFT_INIT
            + """
    def call(self, images, training=False):
        if not training:
            return images
        m = self.most
        steps = keras.random.randint((len(images), 2), -m, m + 1, seed=self.generator)
        return tf.stack([tf.roll(i, s, (0, 1)) for i, s in zip(images, tf.unstack(steps))])
""",
            because="Rolling brings the pixels in again at the other side.",
            says="came in again at the other side",
        ),
        NearMiss(
            code=_SHIFT_INIT.replace("keras.random.SeedGenerator(seed)", "[seed, 0]")
            + """
    def call(self, images, training=False):
        if not training:
            return images
        m, size = self.most, tf.shape(images)
        self.generator[1] += 1
        padded = tf.pad(images, [[0, 0], [m, m], [m, m], [0, 0]])
        corners = tf.random.stateless_uniform(
            (size[0], 2), self.generator, 0, 2 * m + 1, dtype=tf.int32
        )
        rows, columns = corners[:, :1] + tf.range(size[1]), corners[:, 1:] + tf.range(size[2])
        padded = tf.gather(padded, rows, axis=1, batch_dims=1)
        return tf.gather(padded, columns, axis=2, batch_dims=1)
""",
            because="Python counts once, while the training step is compiled.",
            says="Compiled, as `fit` does it",
        ),
    )
    alternatives = (
        _SHIFT_INIT
        + """
    def call(self, images, training=False):
        if training:
            m, size = self.most, tf.shape(images)
            padded = tf.pad(images, [[0, 0], [m, m], [m, m], [0, 0]])
            corners = keras.random.randint((size[0], 2), 0, 2 * m + 1, seed=self.generator)
            grid = tf.meshgrid(tf.range(size[1]), tf.range(size[2]), indexing="ij")
            places = tf.stack(grid, axis=-1) + corners[:, None, None]
            images = tf.gather_nd(padded, places, batch_dims=1)
        return images
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        # So many images that one of the largest steps is missing once in two million runs.
        for compiled, note in ((False, ""), (True, "compiled, for any number of images")):
            images = rng.uniform(1, 2, size=(40, 3, 4, 1)).astype(np.float32)
            seed = int(rng.integers(1, 10_000))
            inputs = {"images": images, "most": 1, "seed": seed, "compiled": compiled}
            yield Case(inputs, note)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the layer outside and in training, there twice, and a twin with the same seed."""
        import tensorflow as tf

        most, seed = inputs["most"], inputs["seed"]
        images = tf.constant(inputs["images"])
        layer, twin = submission(most, seed=seed), submission(most, seed=seed)

        def train(batch: Any) -> Any:
            return layer(batch, training=True)

        if inputs["compiled"]:  # as in a model: without AutoGraph, for any number of images
            any_number = tf.TensorSpec((None, *images.shape[1:]), images.dtype)
            train = tf.function(train, input_signature=[any_number], autograph=False)
        return {
            "training=False": layer(images, training=False),
            "no training given": layer(images),
            "training": train(images),
            "again": train(images),
            "twin": twin(images, training=True),
        }

    def expected(self, **inputs: Any) -> Any:
        return inputs["images"]

    def judge(self, case: Case, observation: Observation) -> None:
        """Find out by which step each image was moved, and whether the steps are as wanted."""
        seen, images, most = observation.value, case.inputs["images"], case.inputs["most"]
        if not isinstance(seen, dict) or "twin" not in seen:
            raise Wrong("The layer could not be examined.")
        for name in ("training=False", "no training given"):
            if reason := difference(seen[name], images):
                raise Wrong(f"Outside training the layer must change nothing ({name}). {reason}")
        moved = _array(seen["training"])
        if moved.shape != images.shape:
            raise Wrong("In training the result has not the shape of the input.")
        steps = _moves(images, moved, most)
        if None in steps:
            index = steps.index(None)
            if np.isclose(np.sort(moved[index].ravel()), np.sort(images[index].ravel())).all():
                raise Wrong(
                    "Pixels that left the image came in again at the other side. What comes into "
                    "view must be 0."
                )
            raise Wrong(
                f"In training image {index} is no shifted copy of the input: wanted is a move by "
                f"whole pixels, at most {most}, with zeros where pixels come into view."
            )
        if len(set(steps)) == 1:
            raise Wrong("All images were moved by the same step; draw one for each image.")
        for axis, words in ((0, ("up", "down")), (1, ("left", "right"))):
            for sign, word in zip((-1, 1), words, strict=True):
                if not any(step and step[axis] == sign * most for step in steps):
                    raise Wrong(
                        f"No image was moved {word} by {most}, the largest step allowed, "
                        f"though there are {len(images)}."
                    )
        if difference(seen["again"], moved) is None and case.inputs["compiled"]:
            raise Wrong(
                "Compiled, as `fit` does it, the layer makes the same steps in every call: what "
                "Python or NumPy count and draw stays as it was when TensorFlow traced the call. "
                "Use a `keras.random.SeedGenerator`, made once in `__init__`."
            )
        if difference(seen["again"], moved) is None:
            raise Wrong(
                "Two calls give the same steps: a number as seed starts anew each time. Make "
                "one SeedGenerator in `__init__`, and use it in every call."
            )
        if difference(seen["twin"], moved):
            raise Wrong("Two layers with the same seed give different steps.")


def _flipped(
    image: np.ndarray, boxes: np.ndarray, turn: Callable[[np.ndarray, float, float], np.ndarray]
) -> dict[str, Any]:
    height, width = (float(n) for n in image.shape[:2])
    return {"image": image[:, ::-1], "boxes": turn(boxes.astype(float), width, height)}


def _turned(b: np.ndarray, width: float, _: float) -> np.ndarray:
    return np.stack([width - b[:, 2], b[:, 1], width - b[:, 0], b[:, 3]], 1)


@register
class FlipWithBoxesExercise(Exercise):
    """Boxes follow their image."""

    name = "flip_with_boxes"
    title = "Boxes follow their image"
    points = 2
    see = "Labels that follow the image"
    hints = (
        "Draw an image 10 pixels wide with a box from x = 1 to x = 3. Where is it after mirroring?",
        "A point at x goes to `width - x`. So the right edge of the box becomes the left one: "
        "`x_min` of the new box is `width - x_max`.",
        "`x_min, y_min, x_max, y_max = tf.unstack(boxes, axis=1)`, and back by `tf.stack([width - "
        "x_max, y_min, width - x_min, y_max], axis=1)`; `tf.reverse(image, axis=[1])`.",
    )
    why = (
        "x goes to width − x, which turns the order of the two edges around, so they change "
        "places. The edges are points between pixels, hence the width and not the width − 1. "
        "Nothing happens to y, nor to the order of the boxes, which their class labels follow."
    )
    near_misses = (
        NearMiss(
            code="""
def flip_with_boxes(image, boxes):
    return tf.image.flip_left_right(image), boxes
""",
            because="The boxes stayed where they were, so they no longer fit the image.",
            like=lambda image, boxes: _flipped(image, boxes, lambda b, w, h: b),
        ),
        NearMiss(
            code="""
def flip_with_boxes(image, boxes):
    x_min, y_min, x_max, y_max = tf.unstack(boxes, axis=1)
    width = float(image.shape[1])
    boxes = tf.stack([width - x_min, y_min, width - x_max, y_max], axis=1)
    return tf.image.flip_left_right(image), boxes
""",
            because=(
                "x_min is greater than x_max now: mirroring makes the right edge the left one, so "
                "the two change places."
            ),
            like=lambda image, boxes: _flipped(
                image, boxes, lambda b, w, h: _turned(b, w, h)[:, [2, 1, 0, 3]]
            ),
        ),
        NearMiss(
            code="""
def flip_with_boxes(image, boxes):
    x_min, y_min, x_max, y_max = tf.unstack(boxes, axis=1)
    last = float(image.shape[1] - 1)
    boxes = tf.stack([last - x_max, y_min, last - x_min, y_max], axis=1)
    return tf.image.flip_left_right(image), boxes
""",
            because=(
                "The boxes are one pixel too far left. The numbers are edges, from 0 to the width; "
                "width − 1 is for numbers of pixels."
            ),
            like=lambda image, boxes: _flipped(image, boxes, lambda b, w, h: _turned(b, w - 1, h)),
        ),
        NearMiss(
            code="""
def flip_with_boxes(image, boxes):
    x_min, y_min, x_max, y_max = tf.unstack(boxes, axis=1)
    width = float(image.shape[0])
    boxes = tf.stack([width - x_max, y_min, width - x_min, y_max], axis=1)
    return tf.image.flip_left_right(image), boxes
""",
            because="`image.shape[0]` is the height. The width is `image.shape[1]`.",
            like=lambda image, boxes: _flipped(image, boxes, lambda b, w, h: _turned(b, h, w)),
        ),
        NearMiss(
            code="""
def flip_with_boxes(image, boxes):
    x_min, y_min, x_max, y_max = tf.unstack(boxes, axis=1)
    height = float(image.shape[0])
    boxes = tf.stack([x_min, height - y_max, x_max, height - y_min], axis=1)
    return tf.image.flip_left_right(image), boxes
""",
            because="The boxes were mirrored top to bottom, the image left to right.",
            like=lambda image, boxes: _flipped(
                image,
                boxes,
                lambda b, w, h: np.stack([b[:, 0], h - b[:, 3], b[:, 2], h - b[:, 1]], 1),
            ),
        ),
    )
    alternatives = (
        """
def flip_with_boxes(image, boxes):
    moved = [0.0, 0.0, 0.0, 0.0] + tf.constant([-1.0, 1.0, -1.0, 1.0]) * boxes
    moved += [image.shape[1], 0.0, image.shape[1], 0.0]
    return tf.image.flip_left_right(image), tf.gather(moved, [2, 1, 0, 3], axis=1)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        for boxes, note in ((3, ""), (1, "one box"), (0, "no box")):
            height, width = rng.permutation([int(rng.integers(4, 8)), int(rng.integers(10, 14))])
            image = rng.uniform(0, 1, (height, width, 3)).astype(np.float32)
            corner = rng.uniform(0, (0.5 * width, 0.4 * height), (boxes, 2))
            size = rng.uniform(1, (0.3 * width, 0.4 * height), (boxes, 2))
            both = np.concatenate([corner, corner + size], axis=1).round(1).astype(np.float32)
            yield Case({"image": image, "boxes": both}, note)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the answer, and name the two parts of what it returns."""
        import tensorflow as tf

        result = submission(tf.constant(inputs["image"]), tf.constant(inputs["boxes"]))
        if not isinstance(result, tuple | list) or len(result) != 2:
            return result
        return {"image": result[0], "boxes": result[1]}

    def expected(self, image: np.ndarray, boxes: np.ndarray) -> Any:
        return _flipped(image, boxes, _turned)

    def differs(self, got: Any, expected: Any) -> str | None:
        if not isinstance(got, dict) or got.keys() != expected.keys():
            return "Two results are wanted: the image, then the boxes."
        return super().differs(got, expected)


def _mixed(
    images: np.ndarray,
    labels: np.ndarray,
    classes: int,
    shares: np.ndarray,
    order: np.ndarray,
    *,
    how: str = "right",
) -> dict[str, Any]:
    """Return mixed images and targets, or a wrong version of them."""
    images, shares = images.astype(float), shares.astype(float)
    by_image = shares if how == "broadcast" else shares.reshape(-1, 1, 1, 1)
    one_hot = np.eye(classes)[labels]
    by_row = shares.reshape(-1, 1)
    if how == "swapped":
        by_row = 1 - by_row
    if how == "numbers":
        targets = shares * labels + (1 - shares) * labels[order]
    elif how == "own label":
        targets = one_hot
    else:
        targets = by_row * one_hot + (1 - by_row) * one_hot[order]
    return {"images": by_image * images + (1 - by_image) * images[order], "targets": targets}


_MIXUP = """
def mixup_batch(images, labels, classes, shares, order):
    s = {by_image}
    mixed = s * images + (1 - s) * tf.gather(images, order)
    one_hot = tf.one_hot(labels, classes)
    r = tf.reshape(shares, (-1, 1))
    return mixed, {targets}
"""
_BY_IMAGE = "tf.reshape(shares, (-1, 1, 1, 1))"
_TARGETS = "r * one_hot + (1 - r) * tf.gather(one_hot, order)"


@register
class MixupBatchExercise(Exercise):
    """Images and labels are mixed in the same shares."""

    name = "mixup_batch"
    title = "Mix images and labels"
    points = 2
    see = "Two images in one"
    hints = (
        "The partner of each image is `tf.gather(images, order)`. The mixture is share × image + "
        "(1 − share) × partner: which shape must the shares have, so that each belongs to one "
        "image?",
        "`tf.reshape(shares, (-1, 1, 1, 1))` for the images, `(-1, 1)` for the targets.",
        "Labels as numbers cannot be mixed: class 2 and class 4 do not make class 3. Mix "
        "`tf.one_hot(labels, classes)` with the same shares and the same order.",
    )
    why = (
        "The target says how much of each class is in the image, so the loss can no longer be "
        "pleased by being quite sure. Shares of shape (n,) would be broadcast along the last axis, "
        "the channels: with as many channels as images that even runs."
    )
    near_misses = (
        NearMiss(
            code=_MIXUP.format(by_image="shares", targets=_TARGETS),
            because=(
                "The shares were broadcast along the channels: each channel was mixed by the share "
                "of another image. Give them the shape (n, 1, 1, 1)."
            ),
            like=lambda **inputs: _mixed(**inputs, how="broadcast"),
        ),
        NearMiss(
            code=_MIXUP.format(by_image=_BY_IMAGE, targets="one_hot"),
            because="The images were mixed, their labels were not.",
            like=lambda **inputs: _mixed(**inputs, how="own label"),
        ),
        NearMiss(
            code=_MIXUP.format(
                by_image=_BY_IMAGE, targets="(1 - r) * one_hot + r * tf.gather(one_hot, order)"
            ),
            because="In the targets the two shares are swapped: `shares` is that of the image itself.",
            like=lambda **inputs: _mixed(**inputs, how="swapped"),
        ),
        NearMiss(
            code="""
def mixup_batch(images, labels, classes, shares, order):
    s = tf.reshape(shares, (-1, 1, 1, 1))
    labels = tf.cast(labels, tf.float32)
    mixed = s * images + (1 - s) * tf.gather(images, order)
    return mixed, shares * labels + (1 - shares) * tf.gather(labels, order)
""",
            because=(
                "The numbers of the classes were averaged, but class 2 and class 4 do not make "
                "class 3. Mix one-hot rows."
            ),
            like=lambda **inputs: _mixed(**inputs, how="numbers"),
        ),
    )
    alternatives = (
        """
def mixup_batch(images, labels, classes, shares, order):
    one_hot = tf.one_hot(labels, classes)
    mixed, targets = [], []
    for i, (share, other) in enumerate(zip(shares, order)):
        mixed.append(share * images[i] + (1 - share) * images[other])
        targets.append(share * one_hot[i] + (1 - share) * one_hot[other])
    return tf.stack(mixed), tf.stack(targets)
""",
    )

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        def case(
            note: str, images: np.ndarray, labels: np.ndarray, classes: int, order: np.ndarray
        ) -> Case:
            inputs = {
                "images": images.astype(np.float32),
                "labels": labels,
                "classes": classes,
                "shares": rng.uniform(0.55, 0.95, len(images)).astype(np.float32),
                "order": order,
            }
            return Case(inputs, note)

        classes = int(rng.integers(4, 7))
        labels = rng.choice(classes, 3, replace=False)
        images = rng.uniform(0, 1, (3, 2, 4, 3))
        yield case("as many images as channels", images, labels, classes, np.array([2, 0, 1]))
        labels = rng.choice(classes, 5)
        labels[1] = labels[0]
        order = np.array([0, 4, 3, 1, 2])
        images = rng.uniform(0, 1, (5, 4, 3, 1))
        yield case("grey images; one is mixed with itself", images, labels, classes, order)

    @staticmethod
    def observe(submission: Any, **inputs: Any) -> Any:
        """Call the answer with tensors, and name the two parts of what it returns."""
        import numpy as np
        import tensorflow as tf

        result = submission(
            *(tf.constant(v) if isinstance(v, np.ndarray) else v for v in inputs.values())
        )
        if not isinstance(result, tuple | list) or len(result) != 2:
            return result
        return {"images": result[0], "targets": result[1]}

    def expected(self, **inputs: Any) -> Any:
        return _mixed(**inputs)

    def differs(self, got: Any, expected: Any) -> str | None:
        if not isinstance(got, dict) or got.keys() != expected.keys():
            return "Two results are wanted: the mixed images, then their targets."
        return super().differs(got, expected)
