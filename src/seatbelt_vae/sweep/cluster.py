"""Runs the jobs of a sweep on a Ray cluster with a shared disk."""

import logging
import math
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatbelt_vae.config.checks import positive
from seatbelt_vae.errors import ConfigError, SeatbeltError
from seatbelt_vae.parallel.worker_pool import TRIES, JobProgress
from seatbelt_vae.sweep.cluster_work import ProgressBoard, work
from seatbelt_vae.sweep.engine import OnEnd, OnProgress, Task
from seatbelt_vae.workflow import lock_of

__all__ = ["RayEngine"]

logger = logging.getLogger(__name__)

_PAUSE = 0.2  # seconds between two queries of the board
_PATIENCE = 60.0  # seconds for a task to reach a resumable point
_TIMEOUT = 10.0  # seconds to connect to a cluster; Ray itself would try for minutes


@dataclass(frozen=True)
class RayEngine:
    """Runs each job as a Ray task; needs the extra ``cluster``.

    All nodes share the folder of the runs. A task is restarted up to two times, on any node, if its
    process or node is killed. A task reserves one core per thread of its job, and a GPU if the
    cluster has GPUs and the job's device is not ``cpu``.

    Args:
        address: address of the head node, such as ``host:6379`` (default: a cluster that runs on
            this machine, else a temporary local one).
        jobs: number of tasks submitted at a time, which share the GPUs (default: all tasks; Ray
            runs as many as the cores, or GPUs, allow).

    Raises:
        ConfigError: ``jobs`` is below 1.
    """

    address: str | None = None
    jobs: int | None = None

    def __post_init__(self) -> None:
        if self.jobs is not None:
            positive("jobs", self.jobs)

    def run(
        self, tasks: Mapping[str, Task], on_progress: OnProgress, on_end: OnEnd
    ) -> dict[str, str]:
        """See `Engine`.

        Raises:
            ConfigError: Ray is not installed, there is no cluster at the address, or no node has as
                many cores as a job has threads.
            SeatbeltError: the connection to the cluster was lost.
        """
        with _connected(self.address) as ray, _loss_reported(ray):
            _check_threads(ray, tasks)
            for task in tasks.values():
                lock_of(task.folder).touch()
            scheduler = _Scheduler(ray, tasks, self.jobs)
            try:
                return scheduler.run(on_progress, on_end)
            finally:
                scheduler.stop()


class _Scheduler:
    """Submits the tasks of one sweep to a connected cluster, at most ``jobs`` at a time."""

    def __init__(self, ray: Any, tasks: Mapping[str, Task], jobs: int | None) -> None:
        self._ray, self._tasks = ray, tasks
        self._jobs = jobs
        self._gpus = int(ray.cluster_resources().get("GPU", 0))
        self._board = _board_on_driver(ray)
        self._running: dict[Any, str] = {}
        self._started: set[str] = set()

    def run(self, on_progress: OnProgress, on_end: OnEnd) -> dict[str, str]:
        """Run all tasks; returns the reason of each failure."""
        waiting = list(self._tasks)
        failures = {}
        while waiting or self._running:
            while waiting and len(self._running) < (self._jobs or len(self._tasks)):
                label = waiting.pop(0)
                self._running[self._submit(label)] = label
            ended, _ = self._ray.wait(list(self._running), timeout=_PAUSE)
            for news in self._news():
                on_progress(news)
            for reference in ended:
                label = self._running.pop(reference)
                failure = self._failure(reference)
                if failure:
                    failures[label] = failure
                on_end(label, failure)
        return failures

    def stop(self) -> None:
        """Stop the running tasks at a resumable point, and cancel those that have not started."""
        self._news()
        started = [ref for ref, label in self._running.items() if label in self._started]
        for reference in self._running:
            if reference not in started:
                self._ray.cancel(reference)
        self._ray.get(self._board.stop.remote())
        if started:
            self._ray.wait(started, num_returns=len(started), timeout=_PATIENCE)

    def _submit(self, label: str) -> Any:
        task = self._tasks[label]
        options: dict[str, Any] = {"num_cpus": task.job.threads, "max_retries": TRIES - 1}
        if self._gpus and task.job.run.training.device != "cpu":
            options["num_gpus"] = 1 / math.ceil((self._jobs or self._gpus) / self._gpus)
        shared = Task(task.folder.absolute(), task.job)
        return self._ray.remote(**options)(work).remote(label, shared, self._board, Path.cwd())

    def _news(self) -> list[JobProgress]:
        reports: list[JobProgress] = self._ray.get(self._board.take.remote())
        self._started |= {news.job for news in reports}
        return reports

    def _failure(self, reference: Any) -> str:
        """The reason if an ended task failed, else ""."""
        exceptions = self._ray.exceptions
        try:
            return str(self._ray.get(reference))
        except exceptions.RayTaskError as error:
            logger.error("%s", error)  # a bug: log the traceback
            return f"its process failed with {error.cause!r}"
        except exceptions.RayError as error:
            return (
                f"its process was killed {TRIES} times ({type(error).__name__}): if memory is "
                f"short, run the same command again with fewer jobs at a time"
            )


def _check_threads(ray: Any, tasks: Mapping[str, Task]) -> None:
    """Refuse jobs that no node has enough cores for; Ray would queue them for ever."""
    cores = max(node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"])
    threads = max(task.job.threads for task in tasks.values())
    if threads > cores:
        raise ConfigError(
            f"threads is {threads}, and no node of the cluster has more than {cores:g} cores: "
            f"lower threads"
        )


def _board_on_driver(ray: Any) -> Any:
    """The board, on the driver's node, since the sweep ends when that node is lost."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0)(ProgressBoard).options(scheduling_strategy=here).remote()


@contextmanager
def _connected(address: str | None) -> Iterator[Any]:
    """The module ``ray``, connected to a cluster; an existing connection is used and kept."""
    try:
        import ray
    except ImportError:
        raise ConfigError(
            "engine 'ray' needs Ray, which is missing: `pip install 'seatbelt-vae[cluster]'`"
        ) from None
    if ray.is_initialized():
        yield ray
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        _check_address(address)
        ray.init(address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"cannot connect to a Ray cluster{f' at {address}' if address else ''} ({error}): "
            f"start one with `ray start --head` and give its host:port, or use engine 'local'"
        ) from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)  # Ray's handler would exit at once
    try:
        yield ray
    finally:
        ray.shutdown()


@contextmanager
def _loss_reported(ray: Any) -> Iterator[None]:
    """Raise the loss of the cluster as a `SeatbeltError`."""
    try:
        yield
    except ray.exceptions.RayError as error:
        raise SeatbeltError(
            f"the Ray cluster was lost ({type(error).__name__}): restart it if it is "
            f"down, and run the same command again to resume"
        ) from error


def _check_address(address: str | None) -> None:
    """Raise OSError if no process listens at an address ``host:port``."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=_TIMEOUT).close()
