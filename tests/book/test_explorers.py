"""Explorers stand where they should, load nothing elsewhere, and simulate what tf.data does."""

from __future__ import annotations

import re
import time
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import tensorflow as tf
from book.test_build import SmallBook, run_cell
from nbformat.v4 import new_markdown_cell

from kcourse import lessons
from kcourse.explorers import figures
from kcourse.explorers.pipeline import Pipeline, costs, simulate, total

BOOK = Path(__file__).parents[2] / "book"
PLACES = tomllib.loads((BOOK / "explorers.toml").read_text(encoding="utf-8"))
HERE = '[broadcasting]\nlesson = "01_small/01_lesson"\nafter = "{heading}"\n'


@pytest.fixture
def small(tmp_path: Path) -> SmallBook:
    """A small book whose lesson has a section on broadcasting and one after it."""
    book = SmallBook(tmp_path)
    cells = [new_markdown_cell(f"## {text}\n\nText.", id=text) for text in ("Rules", "Next")]
    book.lesson(cells[0], run_cell(), cells[1])
    return book


def test_every_place_is_a_section_of_a_lesson() -> None:
    headings = {
        lesson.key: re.findall(
            r"^#+ (.*)$",
            "\n".join(c.source for c in lesson.notebook.cells if c.cell_type == "markdown"),
            re.MULTILINE,
        )
        for lesson in lessons.all_lessons()
    }
    for place in PLACES.values():
        assert headings[place["lesson"]].count(place["after"]) == 1


def test_the_page_of_explorers_has_all_of_them_and_links_to_their_lessons() -> None:
    page = (BOOK / "explorers.md").read_text(encoding="utf-8")
    assert re.findall(r"^```{explorer} (\w+)$", page, re.MULTILINE) == list(PLACES)
    for place in PLACES.values():
        anchor = re.sub(r"[^\w -]", "", place["after"].lower()).replace(" ", "-")
        assert f"(lessons/{place['lesson']}.ipynb#{anchor})" in page


def test_an_explorer_ends_its_section_and_only_its_page_loads_scripts(small: SmallBook) -> None:
    small.write("book/explorers.toml", HERE.format(heading="Rules"))
    done = small.build("--without-verification")
    assert done.returncode == 0, done.stderr
    site = small.folder / "build/book"
    lesson = (site / "lessons/01_small/01_lesson.html").read_text(encoding="utf-8")
    start = lesson.index('data-explorer="broadcasting"')
    assert lesson.index('id="rules"') < start < lesson.index('id="next"')
    loaded = re.findall(r'(?:src|href)="[./]*_static/explorers/(\w+\.\w+)', lesson)
    assert loaded == [
        "explorers.css",
        "reading.js",
        "panel.js",
        "broadcasting.js",
        "broadcasting_view.js",
    ]
    assert sum((BOOK / "_static/explorers" / name).stat().st_size for name in loaded) < 30_000
    assert "explorers/" not in (site / "index.html").read_text(encoding="utf-8")


def test_a_heading_that_is_not_there_stops_the_book(small: SmallBook) -> None:
    small.write("book/explorers.toml", HERE.format(heading="Laws"))
    assert small.problem() == (
        "book: book/explorers.toml puts broadcasting after the heading 'Laws' of "
        "01_small/01_lesson, which has no such heading."
    )


def test_an_unknown_explorer_or_a_second_one_on_a_page_stops_the_book(small: SmallBook) -> None:
    names = ("guess", "broadcasting", "broadcasting")
    directives = [f"```{{explorer}} {name}\n```" for name in names]
    small.write("book/index.md", "\n\n".join(["# Welcome", *directives]))
    said = small.problem()
    assert "There is no explorer 'guess'. There are broadcasting, convolution, pipeline" in said
    assert "The explorer 'broadcasting' stands on this page already." in said


@pytest.mark.parametrize("name", PLACES)
def test_a_still_picture_speaks_without_being_seen(name: str) -> None:
    still = figures.still(name)
    assert still.svg.count("<svg") == 1
    assert still == figures.still(name), "the picture must not change from build to build"
    assert len(still.alt) > 60
    assert still.caption.endswith(".")


# Pipelines with times in milliseconds in which one stage after the other is the slowest.
SLOWEST_IS = {
    "everything, in turns": Pipeline(6, read=10, map=40, calls=0, batch=2, prefetch=0, train=50),
    "training": Pipeline(8, read=5, map=30, calls=3, batch=2, prefetch=1, train=80),
    "mapping": Pipeline(8, read=5, map=80, calls=2, batch=2, prefetch=2, train=20),
    "reading": Pipeline(8, read=40, map=30, calls=3, batch=4, prefetch=1, train=30),
    "mapping, without prefetch": Pipeline(6, 10, 60, calls=3, batch=2, prefetch=0, train=40),
}


@pytest.mark.parametrize("pipeline", SLOWEST_IS.values(), ids=SLOWEST_IS.keys())
def test_the_simulation_takes_as_long_as_tf_data(pipeline: Pipeline) -> None:
    ratios = []
    # A machine with much else to do wakes sleepers late, which matters less in slower pipelines.
    for times in (1, 1, 2, 2, 4, 4, 8):
        slower = replace(
            pipeline,
            read=times * pipeline.read,
            map=times * pipeline.map,
            train=times * pipeline.train,
        )
        ratios.append(_milliseconds(slower) / total(simulate(slower)))
        if ratios[-1] < 1.25:
            break
    assert 0.97 < min(ratios) < 1.25


def test_what_overlaps_ends_sooner() -> None:
    yours = SLOWEST_IS["training"]
    ends = [total(simulate(one)) for one in (yours, replace(yours, calls=0, prefetch=0))]
    assert ends == [35 + 5 + 4 * 80, 8 * 35 + 4 * 80]


@pytest.mark.parametrize("calls", [0, 2, 16])
def test_no_stage_takes_longer_for_a_batch_than_the_whole_pipeline(calls: int) -> None:
    pipeline = Pipeline(elements=4, calls=calls, batch=16)
    found = costs(pipeline)
    assert max(found.values()) <= total(simulate(pipeline))
    assert found.get("mapping", 50) >= 50, "one element alone takes this long"


def _milliseconds(pipeline: Pipeline) -> float:
    """Run the pipeline with stages that sleep, and return how long it took."""

    def stage(milliseconds: int) -> Callable[[tf.Tensor], tf.Tensor]:
        def sleep(number: int) -> int:
            time.sleep(milliseconds / 1000)
            return number

        return lambda x: tf.numpy_function(sleep, [x], tf.int64, stateful=False)

    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    options.threading.private_threadpool_size = 16
    dataset = (
        tf.data.Dataset.range(pipeline.elements)
        .map(stage(pipeline.read))
        .map(stage(pipeline.map), num_parallel_calls=pipeline.calls or None)
        .batch(pipeline.batch)
    )
    if pipeline.prefetch:
        dataset = dataset.prefetch(pipeline.prefetch)
    iterator = iter(dataset.with_options(options))
    started = time.perf_counter()
    for _ in iterator:
        time.sleep(pipeline.train / 1000)
    return 1000 * (time.perf_counter() - started)
