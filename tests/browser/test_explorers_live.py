"""The explorers in a real browser: the numbers of NumPy, TensorFlow and Keras, for everybody."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from axe_playwright_python.sync_playwright import Axe
from book.test_build import SmallBook
from playwright.sync_api import Browser, Page, expect

from kcourse.explorers.pipeline import Pipeline, costs, simulate, total

pytestmark = pytest.mark.browser

BOOK = Path(__file__).parents[2] / "book"
SCRIPTS = BOOK / "_static/explorers"
NAMES = ("broadcasting", "convolution", "pipeline", "schedules")
Compute = Callable[[str, list[Any]], list[Any]]

# As JSON, which is read many times as fast as what the browser hands over by itself.
_RUN = """([call, cases]) => {
    const explorers = globalThis.kcourseExplorers;
    const [name, method] = call.split(".");
    const results = cases.map((given) => {
        try {
            return explorers[name][method](...given);
        } catch (problem) {
            if (!(problem instanceof explorers.Problem)) throw problem;
            return { problem: problem.message, field: problem.field };
        }
    });
    return JSON.stringify(results, (_, value) =>
        typeof value === "bigint" ? Number(value) : value);
}"""


@pytest.fixture(scope="module")
def compute(browser: Browser) -> Iterator[Compute]:
    """Call a function of the explorers with many lists of arguments, without any page."""
    context = browser.new_context()
    page = context.new_page()
    for name in ("reading", *NAMES):
        page.add_script_tag(path=SCRIPTS / f"{name}.js")
    yield lambda call, cases: json.loads(page.evaluate(_RUN, [call, cases]))
    context.close()


# The numbers


def test_two_shapes_broadcast_as_in_numpy_and_tensorflow(compute: Compute) -> None:
    rng = np.random.default_rng(8)
    shapes = [tuple(map(int, rng.choice([0, 1, 1, 2, 3], rng.integers(0, 5)))) for _ in range(600)]
    pairs = list(zip(shapes[::2], shapes[1::2], strict=True))
    found = compute(
        "broadcasting.compute", [[{"first": str(a), "second": str(b)}] for a, b in pairs]
    )
    fitting = []
    for (first, second), result in zip(pairs, found, strict=True):
        if result["result"] is None:
            with pytest.raises(ValueError, match="could not be broadcast") as by_numpy:
                np.zeros(first) + np.zeros(second)
            assert result["numpy"] == str(by_numpy.value).strip()
            with pytest.raises(ValueError, match="Incompatible shapes for broadcasting"):
                tf.broadcast_static_shape(tf.TensorShape(first), tf.TensorShape(second))
            with pytest.raises(tf.errors.InvalidArgumentError) as by_tensorflow:
                tf.zeros(first) + tf.zeros(second)
            assert result["tensorflow"] in by_tensorflow.value.message
            continue
        expected = (np.zeros(first) + np.zeros(second)).shape
        assert tuple(result["result"]) == expected
        static = tf.broadcast_static_shape(tf.TensorShape(first), tf.TensorShape(second))
        assert tuple(static) == expected
        assert result["elements"] == np.prod(expected, dtype=int)
        fitting.append((first, expected))
    assert 50 < len(fitting) < len(pairs) - 50
    reads = compute("broadcasting.reads", [[list(shape), list(whole)] for shape, whole in fitting])
    for (shape, whole), read in zip(fitting, reads, strict=True):
        stored = np.arange(np.prod(shape, dtype=int)).reshape(shape)
        assert read == np.broadcast_to(stored, whole).ravel().tolist()


LAYERS = {
    "Conv1D": 1,
    "Conv2D": 2,
    "SeparableConv2D": 2,
    "DepthwiseConv2D": 2,
    "Conv2DTranspose": 2,
    "MaxPooling2D": 2,
    "AveragePooling2D": 2,
}


def _layer(rng: np.random.Generator, name: str, axes: int) -> dict[str, Any]:
    """Return the fields of a layer by chance; about a third of them cannot be."""

    def numbers(*choice: int) -> str:
        return ", ".join(str(rng.choice(choice)) for _ in range(rng.choice([1, axes])))

    return {
        "layer": name,
        "size": numbers(4, 7, 8, 12),
        "channels": str(rng.choice([2, 4, 6])),
        "filters": str(rng.choice([2, 4, 6])),
        "kernel": numbers(1, 2, 3, 5),
        "strides": numbers(1, 1, 2, 3),
        "padding": str(rng.choice(["valid", "same", "causal"], p=[0.45, 0.45, 0.1])),
        "dilation": numbers(1, 1, 1, 2),
        "groups": str(rng.choice([1, 1, 2, 4])),
        "multiplier": str(rng.choice([1, 3])),
        "bias": bool(rng.integers(2)),
    }


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_has_the_shape_and_parameters_of_keras(compute: Compute, name: str) -> None:
    rng = np.random.default_rng(4)
    cases = [_layer(rng, name, LAYERS[name]) for _ in range(60)]
    right = 0
    for fields, result in zip(
        cases, compute("convolution.compute", [[fields] for fields in cases]), strict=True
    ):
        if "problem" in result:
            assert _refused_by_keras(fields), (fields, result["problem"])
            continue
        right += 1
        layer = eval(result["code"])
        size = [int(part) for part in fields["size"].split(",")]
        size = size * (LAYERS[name] // len(size))
        shape = (None, *size, int(fields["channels"]))
        assert result["input"] == str(shape)
        assert result["output"] == str(tuple(layer.compute_output_shape(shape))), fields
        layer.build(shape)
        assert result["parameters"] == layer.count_params(), fields
    assert right > 15


def _refused_by_keras(fields: dict[str, Any]) -> bool:
    """Make the layer of the fields without the explorer, and see whether Keras can use it."""

    def numbers(name: str) -> Any:
        values = tuple(int(part) for part in fields[name].split(","))
        return values if len(values) > 1 else values[0]

    name = fields["layer"]
    options = {"strides": numbers("strides"), "padding": fields["padding"]}
    if "Pooling" not in name:
        options |= {"dilation_rate": numbers("dilation"), "use_bias": fields["bias"]}
    if name in ("Conv1D", "Conv2D"):
        options["groups"] = numbers("groups")
    if name in ("SeparableConv2D", "DepthwiseConv2D"):
        options["depth_multiplier"] = numbers("multiplier")
    filters = () if "Pooling" in name or name == "DepthwiseConv2D" else (numbers("filters"),)
    size = numbers("size") if isinstance(numbers("size"), tuple) else (numbers("size"),)
    size = size * (LAYERS[name] // len(size))
    try:
        layer = getattr(keras.layers, name)(*filters, numbers("kernel"), **options)
        shape = (1, *size, int(fields["channels"]))
        layer.build(shape)
        layer.compute_output_shape(shape)
        if fields["padding"] == "causal":
            layer(np.zeros(shape, "float32"))
    except ValueError:
        return True
    return False


@pytest.mark.parametrize(
    "layer", ["Conv2D", "SeparableConv2D", "DepthwiseConv2D", "Conv2DTranspose"]
)
def test_multiply_adds_are_those_that_tensorflow_counts(compute: Compute, layer: str) -> None:
    rng = np.random.default_rng(1)
    cases = [
        _layer(rng, layer, 2) | {"padding": padding, "dilation": "1", "groups": "1", "bias": False}
        for padding in ("valid", "same", "same")
    ]
    for fields, result in zip(
        cases, compute("convolution.compute", [[fields] for fields in cases]), strict=True
    ):
        size = [int(part) for part in fields["size"].split(",")]
        spec = tf.TensorSpec((1, *(size * (2 // len(size))), int(fields["channels"])))
        model = eval(result["code"])
        model.build(spec.shape)
        graph = tf.function(model).get_concrete_function(spec).graph
        counting = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
        counting["output"] = "none"
        counted = tf.compat.v1.profiler.profile(graph=graph, options=counting)
        # TensorFlow counts the multiplication and the addition.
        assert 2 * result["multiplyAdds"] == counted.total_float_ops, fields


def test_windows_lie_where_keras_reads(compute: Compute) -> None:
    options = itertools.product((7, 8), (1, 3, 4), (1, 2, 3), (1, 2), ("valid", "same", "causal"))
    cases = [
        _fields("Conv1D", n, kernel, stride, dilation, padding)
        for n, kernel, stride, dilation, padding in options
        if stride == 1 or dilation == 1
    ]
    for fields, result in zip(
        cases, compute("convolution.compute", [[fields] for fields in cases]), strict=True
    ):
        (axis,) = result["axes"]
        layer = eval(result["code"])
        places = np.arange(1, axis["n"] + 1, dtype="float32")
        layer.build((1, axis["n"], 1))
        for tap in (0, axis["kernel"] - 1):  # a kernel that reads one place alone
            layer.kernel.assign(np.eye(axis["kernel"], dtype="float32")[tap][:, None, None])
            read = layer(places[None, :, None]).numpy().ravel()
            first = tap * axis["dilation"] - axis["before"]
            wanted = first + axis["stride"] * np.arange(axis["out"])
            inside = (wanted >= 0) & (wanted < axis["n"])
            assert np.array_equal(read, np.where(inside, wanted + 1, 0)), (fields, tap)


def test_transposed_windows_lie_where_keras_writes(compute: Compute) -> None:
    options = itertools.product((1, 4), (1, 2, 3, 5), (1, 2, 3), ("valid", "same"))
    cases = [
        _fields("Conv2DTranspose", n, k, stride, 1, padding) for n, k, stride, padding in options
    ]
    for fields, result in zip(
        cases, compute("convolution.compute", [[fields] for fields in cases]), strict=True
    ):
        axis = result["axes"][0]
        layer = eval(result["code"])
        layer.build((1, axis["n"], axis["n"], 1))
        kernel = np.zeros(layer.kernel.shape, "float32")
        kernel[0, 0] = 1  # it writes each place of the input to the window's first place
        layer.kernel.assign(kernel)
        places = np.diag(np.arange(1, axis["n"] + 1, dtype="float32"))
        written = np.diagonal(layer(places[None, :, :, None]).numpy()[0, :, :, 0])
        expected = np.zeros(axis["out"])
        for place in range(axis["n"]):
            target = place * axis["stride"] - axis["before"]
            if 0 <= target < axis["out"]:
                expected[target] = place + 1
        assert np.array_equal(written, expected), fields


def _fields(layer: str, n: int, kernel: int, stride: int, dilation: int, padding: str) -> dict:
    numbers = {"size": n, "kernel": kernel, "strides": stride, "dilation": dilation}
    ones = dict.fromkeys(("channels", "filters", "groups", "multiplier"), "1")
    texts = {name: str(number) for name, number in numbers.items()}
    return {"layer": layer, "padding": padding, "bias": False, **ones, **texts}


def test_a_pipeline_takes_as_long_as_in_python(compute: Compute) -> None:
    rng = np.random.default_rng(3)
    pipelines = [
        Pipeline(
            elements=int(rng.integers(1, 30)),
            read=int(rng.integers(0, 60)),
            map=int(rng.integers(0, 120)),
            calls=int(rng.choice([0, 1, 2, 3, 4, 8])),
            batch=int(rng.integers(1, 9)),
            prefetch=int(rng.choice([0, 0, 1, 2, 4])),
            train=int(rng.integers(1, 200)),
        )
        for _ in range(200)
    ]
    typed = [[{name: str(number) for name, number in asdict(one).items()}] for one in pipelines]
    events = compute("pipeline.simulate", [[asdict(one)] for one in pipelines])
    for pipeline, result, its_own in zip(
        pipelines, compute("pipeline.compute", typed), events, strict=True
    ):
        expected = simulate(pipeline)
        assert its_own == [asdict(event) for event in expected], pipeline
        assert result["yours"]["total"] == total(expected)
        assert result["costs"] == costs(pipeline)
        steps = -(-pipeline.elements // pipeline.batch)
        work = pipeline.elements * (pipeline.read + pipeline.map) + steps * pipeline.train
        assert result["inTurns"]["total"] == work
        assert pipeline.train * steps <= result["yours"]["total"] <= work
        assert max(result["costs"].values()) <= total(expected), pipeline
        dearest = max(result["costs"].values())
        slowest = [name for name, cost in result["costs"].items() if cost == dearest]
        assert result["slowest"] == slowest
        overlaps = pipeline.calls > 0 or pipeline.prefetch > 0
        too_slow = 1.04 if "The bottleneck" not in result["summary"] else 1.06
        sets_the_pace = _from_batch_to_batch(pipeline) < too_slow * dearest
        assert ("The bottleneck" in result["summary"]) == (overlaps and sets_the_pace), pipeline


def _from_batch_to_batch(pipeline: Pipeline) -> float:
    """Run on for long with batches of the size that there is, and return how far apart they end."""
    batch = min(pipeline.batch, pipeline.elements)
    calls = min(pipeline.calls, pipeline.elements)
    long = replace(pipeline, elements=200 * batch, batch=batch, calls=calls)
    ends = [event.end for event in simulate(long) if event.stage == "train"]
    rounds = 24 * 7  # nearly always a whole number of rounds of the calls
    return (ends[-1] - ends[-1 - rounds]) / rounds


@pytest.mark.parametrize(
    ("changes", "said", "slowest"),
    [
        ({"elements": 4, "batch": 16}, "The bottleneck is mapping: 100 ms a batch.", ["mapping"]),
        (
            {"elements": 48, "batch": 8, "calls": 1, "prefetch": 0, "train": 400},
            "Without prefetch, work goes at most 1 element ahead while the model trains, so times "
            "partly add up: 750 ms a batch in the long run, where the slowest stage alone takes "
            "400 ms.",
            ["mapping", "training"],
        ),
        ({"calls": 0, "prefetch": 0}, "Nothing overlaps", ["reading and mapping"]),
    ],
)
def test_a_pipeline_names_what_sets_its_pace(
    compute: Compute, changes: dict[str, int], said: str, slowest: list[str]
) -> None:
    fields = {name: str(value) for name, value in (asdict(Pipeline()) | changes).items()}
    (result,) = compute("pipeline.compute", [[fields]])
    assert said in result["summary"]
    assert result["slowest"] == slowest


SCHEDULES = (
    "ExponentialDecay",
    "InverseTimeDecay",
    "PolynomialDecay",
    "CosineDecay",
    "CosineDecayRestarts",
    "PiecewiseConstantDecay",
)


def _schedule(rng: np.random.Generator, name: str) -> dict[str, Any]:
    boundaries = np.cumsum(rng.integers(1, 200, size=rng.integers(1, 4)))
    rates = [f"{rate:.3g}" for rate in 10 ** rng.uniform(-4, 0, size=len(boundaries) + 1)]
    return {
        "schedule": name,
        "initial": f"{10 ** rng.uniform(-4, 0):.3g}",
        "decay_steps": str(rng.integers(1, 400)),
        "decay_rate": f"{rng.uniform(0.3, 1.02):.3g}",
        "staircase": bool(rng.integers(2)),
        "alpha": str(rng.choice([0, 0.1])),
        "warmup_steps": str(rng.choice([0, 1, 40])),
        "warmup_target": f"{10 ** rng.uniform(-3, 0):.3g}",
        "t_mul": str(rng.choice([1, 1.5, 2])),
        "m_mul": str(rng.choice([1, 0.7])),
        "end": f"{10 ** rng.uniform(-6, -3):.3g}",
        "power": str(rng.choice([0.5, 1, 2])),
        "cycle": bool(rng.integers(2)),
        "boundaries": ", ".join(map(str, boundaries)),
        "values": ", ".join(rates),
        "shown": "600",
        "step": "100",
        "log": False,
    }


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_has_the_rates_of_keras(compute: Compute, name: str) -> None:
    rng = np.random.default_rng(6)
    cases = [_schedule(rng, name) for _ in range(8)]
    for fields, result in zip(
        cases, compute("schedules.compute", [[fields] for fields in cases]), strict=True
    ):
        schedule = eval(result["code"])
        length = int(fields["decay_steps"])
        bounds = [int(bound) for bound in fields["boundaries"].split(",")]
        turns = [length, 3 * length, int(fields["warmup_steps"]), *bounds]
        around = [max(turn + by, 0) for turn in turns for by in (-1, 0, 1)]
        steps = [0, *around, *map(int, rng.integers(0, 2000, 8))]
        (rates,) = compute("schedules.ratesAt", [[fields, steps]])
        expected = [float(schedule(step)) for step in steps]
        highest = max(expected)
        assert np.isfinite(highest)
        assert np.allclose(rates, expected, rtol=1e-5, atol=2e-7 * highest), (fields, steps)
        assert result["value"] == pytest.approx(float(schedule(100)), rel=1e-5, abs=2e-7 * highest)
        assert result["table"][0] == [0, pytest.approx(float(schedule(0)), rel=1e-5)]


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_curve_reaches_as_far_as_the_rates_of_all_steps(compute: Compute, name: str) -> None:
    rng = np.random.default_rng(7)
    cases = [_schedule(rng, name) | {"shown": str(shown)} for shown in (1, 7, 399, 400, 401, 30011)]
    for fields, result in zip(
        cases, compute("schedules.compute", [[fields] for fields in cases]), strict=True
    ):
        (rates,) = compute("schedules.ratesAt", [[fields, list(range(int(fields["shown"]) + 1))]])
        drawn = [rate for _, rate in result["points"]]
        assert [result["lowest"], result["highest"]] == [min(rates), max(rates)], fields
        assert [min(drawn), max(drawn)] == [min(rates), max(rates)]
        assert all(rates[step] == rate for step, rate in result["points"])
        steps = [step for step, _ in result["points"]]
        assert steps == sorted(steps)
        assert [steps[0], steps[-1]] == [0, int(fields["shown"])]
        assert len(steps) < 1000


@pytest.mark.parametrize(
    ("fields", "lowest", "highest"),
    [
        ({"schedule": "CosineDecay", "shown": "1000000"}, 0, 0.1),
        ({"schedule": "CosineDecay", "shown": "100000", "step": "50"}, 0, 0.1),
        (
            {
                "schedule": "PiecewiseConstantDecay",
                "boundaries": "10000, 10100",
                "values": "0.1, 0.5, 0.01",
                "shown": "100000",
            },
            0.01,
            0.5,
        ),
        (
            {"schedule": "CosineDecayRestarts", "decay_steps": "1000", "shown": "1000000"},
            0,
            0.01,
        ),
    ],
)
def test_a_peak_of_few_steps_is_not_lost_among_many(
    compute: Compute, fields: dict[str, str], lowest: float, highest: float
) -> None:
    usual = _schedule(np.random.default_rng(0), fields["schedule"]) | {
        "initial": "0.01",
        "decay_steps": "450",
        "alpha": "0",
        "warmup_steps": "50",
        "warmup_target": "0.1",
        "t_mul": "1",
        "m_mul": "1",
    }
    (result,) = compute("schedules.compute", [[usual | fields]])
    found = [result["lowest"], result["highest"]]
    assert found == pytest.approx([lowest, highest], rel=1e-6, abs=1e-7)
    assert result["lowest"] <= result["value"] <= result["highest"]
    drawn = [rate for _, rate in result["points"]]
    assert [min(drawn), max(drawn)] == found


@pytest.mark.parametrize(
    ("call", "plain", "typed"),
    [
        (
            "broadcasting",
            {"first": "3", "second": "3, 4, 1"},
            {"first": "３", "second": "３，4、１"},
        ),
        ("broadcasting", {"first": "(3, 4)", "second": ""}, {"first": "（3，４）", "second": "　"}),
        ("convolution", {"size": "3, 4", "kernel": "1"}, {"size": "［３，4］", "kernel": "１"}),
        ("pipeline", {"elements": "12", "batch": "3"}, {"elements": "１２", "batch": "３ "}),
        (
            "schedules",
            {"schedule": "CosineDecayRestarts", "initial": "0.1", "t_mul": "1.5", "alpha": "1e-4"},
            {
                "schedule": "CosineDecayRestarts",
                "initial": "０.１",
                "t_mul": "１．５",
                "alpha": "1e－4",
            },
        ),
        (
            "schedules",
            {"schedule": "PiecewiseConstantDecay", "boundaries": "3, 4", "values": "0.1, 0.2, 0.3"},
            {
                "schedule": "PiecewiseConstantDecay",
                "boundaries": "3、４",
                "values": "０.１，0.2､0．3",
            },
        ),
    ],
)
def test_digits_and_commas_of_full_width_count_as_others(
    compute: Compute, call: str, plain: dict[str, str], typed: dict[str, str]
) -> None:
    sound = _sound(call)
    expected, found = compute(f"{call}.compute", [[sound | plain], [sound | typed]])
    assert "problem" not in expected
    assert found == expected


@pytest.mark.parametrize(
    ("call", "fields", "field", "said"),
    [
        ("broadcasting", {"first": "3, -1", "second": ""}, "first", "“-1” is not a length."),
        (
            "broadcasting",
            {"first": "2,,3", "second": ""},
            "first",
            "In “2,,3”, a number is missing before a comma. Write it, or take the comma away.",
        ),
        ("broadcasting", {"first": "，", "second": ""}, "first", "In “，”, a number is missing"),
        ("broadcasting", {"first": "３，ｘ", "second": ""}, "first", "“ｘ” is not a length."),
        ("pipeline", {"batch": "3²"}, "batch", "“3²” is not a whole number from 1 to 48."),
        ("broadcasting", {"first": "2", "second": "(3, x)"}, "second", "“x” is not a length."),
        ("convolution", {"size": "9, 9, 9"}, "size", "“9, 9, 9” has 3 numbers."),
        ("convolution", {"size": "4", "kernel": "5", "padding": "valid"}, "kernel", "none fits"),
        ("convolution", {"groups": "2"}, "groups", "2 groups do not divide 3 input channels."),
        ("convolution", {"strides": "2", "dilation": "2"}, "dilation", "Keras refuses strides"),
        ("convolution", {"padding": "causal"}, "padding", "Only Conv1D has causal padding."),
        ("pipeline", {"batch": "0"}, "batch", "“0” is not a whole number from 1 to 48."),
        ("pipeline", {"read": "0", "map": "0", "train": "0"}, "train", "All three times are 0"),
        ("schedules", {"initial": "fast"}, "initial", "“fast” is not a number from 0 to 1,000."),
        (
            "schedules",
            {"initial": "１，５"},
            "initial",
            "“１，５” is not a number from 0 to 1,000.",
        ),
        ("schedules", {"decay_steps": ""}, "decay_steps", "An empty field is not a whole number"),
        *[
            ("schedules", {"schedule": "PiecewiseConstantDecay", field: text}, field, said)
            for field, text, said in [
                ("boundaries", "100,,200", "In “100,,200”, a number is missing before a comma."),
                ("boundaries", "", "There are no boundaries. Write rising steps"),
                ("boundaries", "300, 150", "“300, 150” does not rise. Write rising steps"),
                ("values", "0.1", "“0.1” has 1 rate. Write 2, one more than boundaries."),
            ]
        ],
        (
            "schedules",
            {"decay_rate": "1000", "decay_steps": "1"},
            "decay_rate",
            "With “1000”, the learning rate at step 13 is too large for float32. Write a smaller",
        ),
        (
            "schedules",
            {"decay_rate": "1.02", "decay_steps": "1", "shown": "1", "step": "1000000"},
            "decay_rate",
            "the learning rate at step 1,000,000 is too large for float32.",
        ),
    ],
)
def test_what_cannot_be_is_told_with_its_value_and_field(
    compute: Compute, call: str, fields: dict[str, str], field: str, said: str
) -> None:
    (result,) = compute(f"{call}.compute", [[_sound(call) | fields]])
    assert result["field"] == field
    assert said in result["problem"]


def _sound(call: str) -> dict[str, Any]:
    return {
        "broadcasting": {},
        "convolution": _fields("Conv2D", 9, 3, 1, 1, "same") | {"channels": "3"},
        "pipeline": {name: str(number) for name, number in asdict(Pipeline()).items()},
        "schedules": _schedule(np.random.default_rng(0), "ExponentialDecay")
        | {"boundaries": "150", "values": "0.1, 0.01"},
    }[call]


# The pages


@pytest.fixture(scope="module")
def explorers_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Build a small book with the page of explorers; its links to lessons are left out."""
    small = SmallBook(tmp_path_factory.mktemp("explorers"))
    directives = [f"## {name}\n\n```{{explorer}} {name}\n```" for name in NAMES]
    small.write("book/index.md", "\n\n".join(["# Explorers", *directives]))
    done = small.build("--without-verification")
    assert done.returncode == 0, done.stderr
    return (small.folder / "build/book/index.html").as_uri()


@pytest.fixture
def open_explorers(browser: Browser, explorers_page: str) -> Iterator[Callable[..., Page]]:
    """Open the page; afterwards no script of an explorer has failed."""
    contexts, failed = [], []
    expect.set_options(timeout=60_000)  # a machine with much else to do

    def opened(*, width: int = 1280, height: int = 900, **options: Any) -> Page:
        viewport = {"width": width, "height": height}
        context = browser.new_context(viewport=viewport, reduced_motion="reduce", **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: failed.append(error.stack or str(error)))
        page.goto(explorers_page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [error for error in failed if "explorers/" in error] == []


def explorer(page: Page, name: str) -> Any:
    return page.locator(f'[data-explorer="{name}"]')


def test_every_explorer_starts_with_the_numbers_of_its_form(
    open_explorers: Callable[..., Page],
) -> None:
    page = open_explorers()
    for name, said in {
        "broadcasting": "The shapes (3, 1) and (4,) broadcast to (3, 4), 12 elements.",
        "convolution": "Conv2D makes (None, 5, 5, 8) of (None, 9, 9, 3). It has 224 parameters",
        "pipeline": f"This pipeline takes {total(simulate(Pipeline())):.0f} ms",
        "schedules": "the learning rate is 0.09698. From step 0 to 600 it begins at 0.01, ",
    }.items():
        expect(explorer(page, name).get_by_role("status")).to_contain_text(said)
        pictures = explorer(page, name).get_by_role("img")
        assert pictures.count() > 0
        for picture in pictures.all():
            assert picture.get_attribute("aria-label")


def test_the_keyboard_alone_is_enough(open_explorers: Callable[..., Page]) -> None:
    page = open_explorers()
    page.get_by_label("First shape").focus()
    focused = page.locator(":focus")
    assert focused.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("2, 3")
    page.keyboard.press("Tab")
    page.keyboard.type("2")
    box = explorer(page, "broadcasting")
    expect(box.get_by_role("status")).to_have_text(
        "The shapes (2, 3) and (2,) do not fit: on axis 1, 3 meets 2. "
        "Two lengths fit if they are equal, or if one of them is 1."
    )
    expect(box).to_contain_text("Incompatible shapes: [2,3] vs. [2]")
    page.keyboard.press("Enter")  # nothing is sent
    page.keyboard.press("Tab")
    assert page.locator(":focus").get_attribute("name") == "layer"
    page.keyboard.type("MaxP")
    expect(explorer(page, "convolution").get_by_role("status")).to_contain_text(
        "MaxPooling2D makes"
    )


def test_a_picture_tells_what_it_shows_now(open_explorers: Callable[..., Page]) -> None:
    page = open_explorers()
    page.get_by_label("Second shape").fill("2, 1, 4")
    picture = explorer(page, "broadcasting").get_by_role("img").first
    expect(picture).to_have_attribute(
        "aria-label",
        "The first array of shape (3, 1), drawn with shape (2, 3, 4): "
        "each stored value stands in 8 cells.",
    )
    expect(picture.locator("rect.kcourse-explorer-stored")).to_have_count(3)
    expect(picture.locator("rect.kcourse-explorer-repeated")).to_have_count(21)


def test_a_problem_is_tied_to_its_field_until_it_is_mended(
    open_explorers: Callable[..., Page],
) -> None:
    page = open_explorers()
    field = page.get_by_label("Batch size")
    field.fill("two")
    expect(field).to_have_attribute("aria-invalid", "true")
    described = field.get_attribute("aria-describedby") or ""
    wrong = "“two” is not a whole number from 1 to 48."
    assert any(page.locator(f"#{one}").inner_text() == wrong for one in described.split())
    box = explorer(page, "pipeline")
    expect(box.get_by_role("status")).to_have_text(f"Batch size: {wrong}")
    expect(box.locator(".kcourse-explorer-lanes").first).to_be_hidden()
    field.fill("4")
    expect(field).not_to_have_attribute("aria-invalid", "true")
    expect(box.locator(".kcourse-explorer-lanes").first).to_be_visible()


def test_only_the_fields_of_the_choice_are_shown(open_explorers: Callable[..., Page]) -> None:
    page = open_explorers()
    box = explorer(page, "schedules")
    expect(box.get_by_label("Warm-up steps")).to_be_visible()
    expect(box.get_by_label("Boundaries")).to_be_hidden()
    box.get_by_label("Schedule").select_option("PiecewiseConstantDecay")
    expect(box.get_by_label("Warm-up steps")).to_be_hidden()
    expect(box.get_by_label("Boundaries")).to_be_visible()
    expect(box.locator("pre")).to_have_text(
        "keras.optimizers.schedules.PiecewiseConstantDecay([150, 300], [0.1, 0.05, 0.01])"
    )
    box.get_by_label("Log axis").check()
    expect(box.get_by_role("img")).to_be_visible()


def test_a_choice_of_schedule_alone_gives_a_curve(open_explorers: Callable[..., Page]) -> None:
    box = explorer(open_explorers(), "schedules")
    for name in SCHEDULES:
        box.get_by_label("Schedule").select_option(name)
        expect(box.locator("pre")).to_contain_text(name)
        expect(box.get_by_role("status")).not_to_contain_text("learning rate is 0. From")


def test_a_logarithmic_axis_tells_what_lies_below_it(open_explorers: Callable[..., Page]) -> None:
    box = explorer(open_explorers(), "schedules")
    box.get_by_label("Log axis").check()
    note = box.locator("figure p")
    zero = "A rate of 0 has no place on a logarithmic axis; it is drawn at the lower edge."
    expect(note).to_have_text(zero)
    box.get_by_label("Schedule").select_option("PiecewiseConstantDecay")
    expect(note).to_have_count(0)
    box.get_by_label("Rates", exact=True).fill("0.1, 0, 0.001")
    expect(note).to_have_text(zero)
    box.get_by_label("Rates", exact=True).fill("0.1, 0.01, 1e-8")
    expect(note).to_have_text(
        "Rates below 1e-7 lie below this axis; they are drawn at its lower edge."
    )


def test_pooling_pads_with_nothing_and_dilation_is_told(
    open_explorers: Callable[..., Page],
) -> None:
    box = explorer(open_explorers(), "convolution")
    picture = box.get_by_role("img").first
    expect(picture.locator("text")).to_have_text(["0", "0"])
    expect(picture).to_have_attribute(
        "aria-label",
        "Height and width: 9 places of input and 2 of padding; 5 windows of 3 places, "
        "each 2 further.",
    )
    for layer in ("MaxPooling2D", "AveragePooling2D"):
        box.get_by_label("Layer").select_option(layer)
        expect(picture.locator("text")).to_have_text(["–", "–"])
        expect(picture).to_have_attribute(
            "aria-label",
            "Height and width: 9 places of input and 2 empty ones beside it; 5 windows of "
            "3 places, each 2 further.",
        )
    box.get_by_label("Layer").select_option("Conv2D")
    box.get_by_label("Strides").fill("1")
    box.get_by_label("Dilation rate").fill("2")
    expect(picture).to_have_attribute(
        "aria-label",
        "Height and width: 9 places of input and 4 of padding; 9 windows of 3 places, 2 apart, "
        "each 1 further.",
    )


@pytest.mark.parametrize(("width", "mode"), [(1280, "light"), (360, "dark"), (320, "light")])
def test_they_fit_and_have_no_barriers(
    open_explorers: Callable[..., Page], width: int, mode: str
) -> None:
    page = open_explorers(width=width, color_scheme=mode)
    long = "1000000, 1000000, 1000000, 1000000, 1, 1, 1"
    for first, elements in [(long, "none"), (long.replace(" ", ""), "n" * 80), (None, None)]:
        found = Axe().run(page, ".kcourse-explorer", {"preload": False}).response["violations"]
        assert [(rule["id"], node["target"]) for rule in found for node in rule["nodes"]] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        sticking_out = """boxes => boxes.flatMap(box =>
            [...box.querySelectorAll("*")].filter(e => e.checkVisibility()
                && e.getBoundingClientRect().right > box.getBoundingClientRect().right)
            .map(e => e.outerHTML.slice(0, 100)))"""
        assert page.locator(".kcourse-explorer").evaluate_all(sticking_out) == []
        if first:
            page.get_by_label("First shape").fill(first)
            page.get_by_label("Second shape").fill(first)
            page.get_by_label("Elements").fill(elements)


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_moves_when_they_start(
    open_explorers: Callable[..., Page], browser: Browser, explorers_page: str, width: int
) -> None:
    heights = "[...document.querySelectorAll('.kcourse-explorer')].map(e => e.offsetHeight)"
    context = browser.new_context(viewport={"width": width, "height": 900})
    before = context.new_page()
    before.route("**/explorers/*.js*", lambda route: route.abort())
    before.goto(explorers_page)
    assert before.get_by_role("status").count() == 0
    started = open_explorers(width=width)
    expect(started.get_by_role("status")).to_have_count(len(NAMES))
    assert started.evaluate(heights) == before.evaluate(heights)
    context.close()


def test_without_javascript_a_picture_and_its_caption_stand_there(
    open_explorers: Callable[..., Page],
) -> None:
    page = open_explorers(java_script_enabled=False)
    for name in NAMES:
        box = explorer(page, name)
        expect(box.locator("form")).to_be_hidden()
        assert "With JavaScript switched on" in box.inner_text()
        picture = box.locator("img")
        picture.scroll_into_view_if_needed()
        assert len(picture.get_attribute("alt") or "") > 60
        expect(box.locator("figcaption")).to_be_visible()
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("image => image.naturalWidth") > 500
        # No room is kept for a result.
        stage = box.locator(".kcourse-explorer-stage")
        figure = stage.locator("figure").bounding_box()
        assert stage.bounding_box()["height"] < figure["height"] + 40
    initial = page.locator("#explorer-schedules-initial").get_attribute("value")
    alt = explorer(page, "schedules").locator("img").get_attribute("alt") or ""
    assert f"rises in a straight line from {initial} to 0.1" in alt


def test_on_paper_the_result_is_there_and_the_form_is_not(
    open_explorers: Callable[..., Page],
) -> None:
    page = open_explorers()
    page.emulate_media(media="print")
    for name in NAMES:
        expect(explorer(page, name).locator("form")).to_be_hidden()
        expect(explorer(page, name).get_by_role("img").first).to_be_visible()
