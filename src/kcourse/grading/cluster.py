"""Grade on the workers of a Dask cluster (``--dask ADDRESS``); the report is the same as here.

Only text travels: the answers of one notebook as JSON to a worker, its result as JSON back. Each
Dask worker is a grader of its own, which confines what it runs exactly as this machine would and
must have proved that before it gets any answers. A worker that holds another course or other
libraries refuses. When a worker dies, Dask has its notebooks graded by another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
import secrets
import threading
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from dataclasses import asdict
from typing import Any

from kcourse.errors import GRADER_FAILED, KcourseError
from kcourse.grading import batch, remote
from kcourse.grading.answers import LessonAnswers
from kcourse.grading.course import Course
from kcourse.grading.limits import Limits
from kcourse.grading.running import LessonResult
from kcourse.grading.session import WorkerFailed
from kcourse.grading.showing import DOUBT, clean
from kcourse.grading.store import Store
from kcourse.grading.submission import Submission

#: A ``distributed.Client``, few of whose methods have types.
Client = Any

#: Seconds to wait for the scheduler, and for a worker where there is none.
CONNECT, PATIENCE = 10.0, 60.0
_MAX_WHY = 200
_AGAIN = "With --out, the same command goes on where it stopped."


@contextlib.contextmanager
def connected(address: str) -> Iterator[Client]:
    """Yield a client of the scheduler at ``address``; at the end, what still runs is ended.

    Raises ``KcourseError`` if the address is none (exit code 2) or nobody answers (3).
    """
    try:
        import distributed
    except ImportError:
        raise KcourseError("--dask needs Dask: pip install 'kcourse[dask]'.") from None
    _require_address(address)
    before = logging.root.manager.disable
    logging.disable()  # what a user should know of the cluster is said in one line
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            connect: Any = distributed.Client
            try:
                # Asked first, as a client of something else would wait for ever or print a page.
                kind = asyncio.run(asyncio.wait_for(_kind(address), CONNECT))
                if kind != "Scheduler":
                    raise ValueError(f"a Dask {kind.lower()} answers")
                client = connect(address, timeout=CONNECT, set_as_default=False)
            except TimeoutError:
                raise _no_scheduler(address, f"no answer for {CONNECT:g} s") from None
            except (OSError, TypeError, ValueError) as error:  # TypeError: TLS is not set up
                raise _no_scheduler(address, str(error)) from None
            with client:
                yield client
    finally:
        logging.disable(before)


def grade_all(
    client: Client,
    submissions: Sequence[Submission],
    course: Course,
    seed: int,
    *,
    limits: Limits,
    store: Store | None = None,
) -> tuple[batch.Results, list[str]]:
    """Grade each notebook of each submission, as ``batch.grade_all`` does, on the cluster.

    Returns:
        The results, and what a report says of the workers' sandboxes.

    Raises:
        KcourseError: a worker refuses, or there is none, or the scheduler is gone (exit code 3).
    """
    run = {
        "id": secrets.token_hex(8),
        "about": remote.about(course),
        "limits": asdict(limits),
        "seed": seed,
    }
    with _Cluster(client, run) as cluster:
        cluster.prepare()
        results = batch.collect(submissions, cluster.submit, store)
    return results, together(cluster.sandboxes)


def together(sandboxes: Collection[tuple[str, ...]]) -> list[str]:
    """Return what a report says of several workers' sandboxes.

    What all have is said as of one; a layer that only some have is said to be so, and what is
    amiss with any worker is said in any case.
    """
    lines = dict.fromkeys(line for lines in sorted(sandboxes) for line in lines)
    return [
        line
        if line.startswith(DOUBT) or all(line in lines for lines in sandboxes)
        else f"{line} (on some workers)"
        for line in lines
    ]


def _require_address(address: str) -> None:
    from distributed.comm.addressing import get_address_host_port

    try:
        host, port = get_address_host_port(address)
        good = bool(host) and host.isprintable() and 0 < port < 1 << 16
    except ValueError:
        good = False
    if not good:
        raise KcourseError(
            f"--dask wants a scheduler's address, such as tcp://10.0.0.5:8786; got {address!r}."
        )


class _Cluster:
    """The workers, as one that grades notebooks; use it as a context manager."""

    def __init__(self, client: Client, run: Mapping[str, Any]) -> None:
        self._client = client
        # Not pure: results of equal text are not to be had from another run.
        self._executor = client.get_executor(pure=False)
        self._run = run
        self._promises: set[Future[batch.Result]] = set()
        self._done = threading.Event()
        #: What each worker has proved.
        self.sandboxes: set[tuple[str, ...]] = set()

    def __enter__(self) -> _Cluster:
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()

    def prepare(self) -> None:
        """Have all workers that there are prove what they are, before any gets an answer."""
        try:
            self._client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise _no_worker() from None
        try:
            replies = self._client.run(remote.prove, json.dumps(self._run), on_error="return")
        except OSError:
            raise _gone() from None
        for worker, reply in sorted(replies.items()):
            if isinstance(reply, str):
                self._heard(reply)
            elif not isinstance(reply, OSError):  # that one is gone: the others will do
                raise _unable(f"worker {worker}", reply)

    def submit(self, given: LessonAnswers) -> Future[batch.Result]:
        """Have a notebook graded by whichever worker is free."""
        asked = json.dumps({**self._run, "given": given.as_plain()})
        promise: Future[batch.Result] = Future()
        self._promises.add(promise)
        # Dask lets go of the result once it is here. If it were held, it would be made again
        # whenever the worker that made it died.
        task = self._executor.submit(remote.grade, asked)
        task.add_done_callback(functools.partial(self._settle, promise))
        return promise

    def _settle(self, promise: Future[batch.Result], task: Future[str]) -> None:
        """Keep a promise, in Dask's thread, once its task has ended in whatever way."""
        from distributed import KilledWorker

        settle: Callable[[], None]
        try:
            settle = functools.partial(promise.set_result, _result(self._heard(task.result())))
        except KilledWorker as killed:
            tried = killed.allowed_failures + 1
            failure = WorkerFailed(f"Too many Dask workers ended while they had it: {tried}.")
            settle = functools.partial(promise.set_result, failure)
        except CancelledError:
            settle = functools.partial(promise.set_exception, _gone())
        except KcourseError as error:
            settle = functools.partial(promise.set_exception, error)
        except Exception as error:
            settle = functools.partial(promise.set_exception, _unable("cluster", error))
        with contextlib.suppress(InvalidStateError):
            settle()

    def _heard(self, reply: str) -> dict[str, Any]:
        """Return what a worker replied; raises ``KcourseError`` if it refuses."""
        said: dict[str, Any] = json.loads(reply)
        if "refused" in said:
            worker, reason = said["worker"], said["refused"]
            raise KcourseError(
                f"The Dask worker {worker} cannot be used. {reason}", exit_code=GRADER_FAILED
            )
        self.sandboxes.add(tuple(said["sandbox"]))
        return said

    def _watch(self) -> None:
        """Break all promises when there has been no worker for too long."""
        seen = time.monotonic()
        while not self._done.wait(1):
            with contextlib.suppress(Exception):  # the connection is lost
                connected = self._client.status == "running"
                if connected and self._client.scheduler_info(n_workers=1)["workers"]:
                    seen = time.monotonic()
            if time.monotonic() - seen > PATIENCE:
                for promise in list(self._promises):
                    with contextlib.suppress(InvalidStateError):
                        promise.set_exception(_no_worker())


def _result(said: Mapping[str, Any]) -> batch.Result:
    if "failed" in said:
        return WorkerFailed(said["failed"])
    return LessonResult.from_plain(said["result"])


async def _kind(address: str) -> str:
    """Return what answers at an address, as it calls itself."""
    import distributed

    dask: Any = distributed  # much of it has no types
    secured = dask.Security().get_connection_args("client")
    async with dask.rpc(address, timeout=CONNECT, connection_args=secured) as asked:
        return str((await asked.identity())["type"])


def _no_scheduler(address: str, why: str) -> KcourseError:
    why = " ".join(clean(why, _MAX_WHY).split())
    return KcourseError(f"There is no Dask scheduler at {address}: {why}.", exit_code=GRADER_FAILED)


def _no_worker() -> KcourseError:
    return KcourseError(
        f"The Dask cluster has had no worker for {PATIENCE:g} s. Start some, with `dask worker`. "
        + _AGAIN,
        exit_code=GRADER_FAILED,
    )


def _gone() -> KcourseError:
    return KcourseError(
        f"The connection to the Dask scheduler is lost. {_AGAIN}", exit_code=GRADER_FAILED
    )


def _unable(who: str, error: Exception) -> KcourseError:
    why = clean(f"{type(error).__name__}: {error}", _MAX_WHY)
    return KcourseError(
        f"The Dask {who} cannot grade. {why} "
        "Install the same kcourse for its scheduler and all its workers; their logs say more.",
        exit_code=GRADER_FAILED,
    )
