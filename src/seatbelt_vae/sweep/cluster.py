"""Ray works on the jobs of a sweep, on one machine or on all of a cluster with a shared disk."""

import logging
import math
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatbelt_vae.config.checks import positive
from seatbelt_vae.errors import ConfigError, SeatbeltError
from seatbelt_vae.parallel.worker_pool import TRIES, News
from seatbelt_vae.sweep.cluster_work import Board, work
from seatbelt_vae.sweep.engine import Task
from seatbelt_vae.workflow import lock_of

__all__ = ["RayEngine"]

logger = logging.getLogger(__name__)

_PAUSE = 0.2  # seconds between two looks at the board
_PATIENCE = 60.0  # seconds for a task to reach a resumable point
_REACH = 10.0  # seconds for a cluster to answer; Ray itself would try for minutes

OnNews = Callable[[News], None]
OnEnd = Callable[[str, str], None]


@dataclass(frozen=True)
class RayEngine:
    """Tasks of a Ray cluster whose nodes share the folder of the runs; needs the extra ``cluster``.

    A task whose process or whole node is killed is begun again where there is room, twice. A task
    takes as many cores as its job has threads, and a GPU where the cluster has some and the job may
    use one.

    Args:
        address: of the cluster's head, as ``host:6379`` (default: the cluster that runs here, or
            one of this machine's own, for as long as the sweep takes).
        jobs: how many tasks are given to the cluster at a time, among whom its GPUs are dealt out
            (default: as many as it has cores, or GPUs, for).

    Raises:
        ConfigError: a number of jobs below one.
    """

    address: str | None = None
    jobs: int | None = None

    def __post_init__(self) -> None:
        if self.jobs is not None:
            positive("jobs", self.jobs)

    def run(self, tasks: Mapping[str, Task], on_news: OnNews, on_end: OnEnd) -> dict[str, str]:
        """As of `Engine`.

        Raises:
            ConfigError: Ray is not installed, no cluster is at the address, or none of its nodes
                has as many cores as a job has threads.
            SeatbeltError: the cluster was lost.
        """
        with _connected(self.address) as ray, _held(ray):
            _check_threads(ray, tasks)
            for task in tasks.values():
                lock_of(task.folder).touch()
            crew = _Crew(ray, tasks, self.jobs)
            try:
                return crew.work(on_news, on_end)
            finally:
                crew.end()


class _Crew:
    """The tasks of one sweep on a connected cluster.

    Args:
        ray: the module.
        tasks: by label.
        jobs: how many are given to the cluster at a time.
    """

    def __init__(self, ray: Any, tasks: Mapping[str, Task], jobs: int | None) -> None:
        self._ray, self._tasks = ray, tasks
        self._jobs = jobs
        self._gpus = int(ray.cluster_resources().get("GPU", 0))
        self._board = _board_beside_driver(ray)
        self._running: dict[Any, str] = {}
        self._begun: set[str] = set()

    def work(self, on_news: OnNews, on_end: OnEnd) -> dict[str, str]:
        """Do all tasks, and say which failed."""
        waiting = list(self._tasks)
        failures = {}
        while waiting or self._running:
            while waiting and len(self._running) < (self._jobs or len(self._tasks)):
                label = waiting.pop(0)
                self._running[self._submit(label)] = label
            ended, _ = self._ray.wait(list(self._running), timeout=_PAUSE)
            for news in self._news():
                on_news(news)
            for reference in ended:
                label = self._running.pop(reference)
                failure = self._failure(reference)
                if failure:
                    failures[label] = failure
                on_end(label, failure)
        return failures

    def end(self) -> None:
        """Stop what runs still, and take back what has not begun."""
        self._news()
        begun = [reference for reference, label in self._running.items() if label in self._begun]
        for reference in self._running:
            if reference not in begun:
                self._ray.cancel(reference)
        self._ray.get(self._board.stop.remote())
        if begun:
            self._ray.wait(begun, num_returns=len(begun), timeout=_PATIENCE)

    def _submit(self, label: str) -> Any:
        task = self._tasks[label]
        wanted: dict[str, Any] = {"num_cpus": task.job.threads, "max_retries": TRIES - 1}
        if self._gpus and task.job.run.training.device != "cpu":
            wanted["num_gpus"] = 1 / math.ceil((self._jobs or self._gpus) / self._gpus)
        shared = Task(task.folder.absolute(), task.job)
        return self._ray.remote(**wanted)(work).remote(label, shared, self._board, Path.cwd())

    def _news(self) -> list[News]:
        news: list[News] = self._ray.get(self._board.taken.remote())
        self._begun |= {told.job for told in news}
        return news

    def _failure(self, reference: Any) -> str:
        """Why a task that has ended failed; "" if it did not."""
        exceptions = self._ray.exceptions
        try:
            return str(self._ray.get(reference))
        except exceptions.RayTaskError as error:
            logger.error("%s", error)  # a fault of the program, with its trace
            return f"its process failed with {error.cause!r}"
        except exceptions.RayError as error:
            return (
                f"its process was killed {TRIES} times ({type(error).__name__}): if memory is "
                f"short, run the same command again with fewer jobs at a time"
            )


def _check_threads(ray: Any, tasks: Mapping[str, Task]) -> None:
    """Refuse what the cluster would wait with for ever."""
    cores = max(node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"])
    threads = max(task.job.threads for task in tasks.values())
    if threads > cores:
        raise ConfigError(
            f"threads is {threads}, and no node of the cluster has more than {cores:g} cores: "
            f"lower threads"
        )


def _board_beside_driver(ray: Any) -> Any:
    """The board, on the one node that the sweep cannot lose."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0)(Board).options(scheduling_strategy=here).remote()


@contextmanager
def _connected(address: str | None) -> Iterator[Any]:
    """Ray, connected to a cluster; one that the program was connected to before stays so."""
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
        _reach(address)
        ray.init(address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"no Ray cluster at {address or 'hand'} ({error}): start one with `ray start --head` "
            f"and give its host:port, or use engine 'local'"
        ) from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)  # Ray's own would end the process where it stands
    try:
        yield ray
    finally:
        ray.shutdown()


@contextmanager
def _held(ray: Any) -> Iterator[None]:
    """Turn the loss of the cluster, its head or what runs beside the driver, into one line."""
    try:
        yield
    except ray.exceptions.RayError as error:
        raise SeatbeltError(
            f"the Ray cluster was lost ({type(error).__name__}): start it again if it is not "
            f"there, and run the same command again to go on where it stopped"
        ) from error


def _reach(address: str | None) -> None:
    """Fail at once where nobody listens."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=_REACH).close()
