"""One process a model, side by side: on two cores that beats two threads a model."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path

from seatbelt_vae.config import RunConfig
from seatbelt_vae.demo.plan import Plan
from seatbelt_vae.errors import SeatbeltError
from seatbelt_vae.own_process import tune_process
from seatbelt_vae.runs import RunFolder

__all__ = ["DemoProgress", "work_side_by_side"]

_STEPS_BETWEEN_NEWS = 10
_PATIENCE = 60.0  # seconds for a process to reach a resumable point


@dataclass(frozen=True)
class DemoProgress:
    """How far one model is.

    Args:
        model: its name.
        what: ``training``, ``attacking``, ``measuring`` or ``evaluating``.
        done, total: how much of that is done.
        detail: current figures in a few words.
    """

    model: str
    what: str
    done: int
    total: int
    detail: str = ""


def work_side_by_side(
    out: Path, plan: Plan, names: list[str], on_progress: Callable[[DemoProgress], None]
) -> dict[str, str]:
    """One process a model; returns one line for each that failed."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    processes: dict[Connection, tuple[str, BaseProcess]] = {}
    for name in names:
        receiving, sending = context.Pipe(duplex=False)
        process = context.Process(target=_member, args=(out / name, name, plan, sending, stop))
        process.start()
        sending.close()  # so that the pipe ends when the process does
        processes[receiving] = (name, process)
    failures = dict.fromkeys(names, "")
    try:
        listening = set(processes)
        while listening:
            for pipe in listening.intersection(wait(listening)):
                if not _listen(pipe, processes[pipe][0], failures, on_progress):
                    listening.remove(pipe)
    except KeyboardInterrupt:
        stop.set()
        raise
    finally:
        for _, started in processes.values():
            started.join(_PATIENCE if stop.is_set() else None)
            started.kill()
    codes = {name: ended.exitcode for name, ended in processes.values()}
    return {
        name: said or f"its process ended with exit code {codes[name]}: run the demo again"
        for name, said in failures.items()
    }


def _listen(
    pipe: Connection,
    name: str,
    failures: dict[str, str],
    on_progress: Callable[[DemoProgress], None],
) -> bool:
    """Take one message; whether there may be more."""
    try:
        message = pipe.recv()
    except EOFError:
        return False
    match message:
        case DemoProgress():
            on_progress(message)
        case str():
            failures[name] = message
        case None:
            del failures[name]
    return True


def _member(run: Path, name: str, plan: Plan, pipe: Connection, stop: Event) -> None:
    """The process of one model."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent passes it on
    os.environ["OMP_NUM_THREADS"] = "1"
    parent = multiprocessing.parent_process()

    def stopped() -> bool:
        return stop.is_set() or parent is None or not parent.is_alive()

    def tell(what: str, done: int, total: int, detail: str = "") -> None:
        pipe.send(DemoProgress(name, what, done, total, detail))

    try:
        _work(run, plan.run_config(name), plan, tell, stopped)
        pipe.send(None)
    except (SeatbeltError, OSError) as error:
        pipe.send(str(error))
    except KeyboardInterrupt:
        return


def _work(
    run: Path,
    config: RunConfig,
    plan: Plan,
    tell: Callable[..., None],
    stopped: Callable[[], bool],
) -> None:
    """Train, attack, measure and evaluate one model, each as far as it is not done."""
    from seatbelt_vae.attacks import run_battery
    from seatbelt_vae.data import load
    from seatbelt_vae.evaluation import evaluate, measure_battery
    from seatbelt_vae.models import load_model
    from seatbelt_vae.training import Progress, train

    def between(what: str, done: int, total: int) -> None:
        if stopped():
            raise KeyboardInterrupt
        tell(what, done, total)

    def trained(now: Progress) -> None:
        if now.step % _STEPS_BETWEEN_NEWS == 0 or now.step == now.steps:
            tell("training", now.step, now.steps, f"ELBO {now.terms['elbo']:.0f} nats")

    tune_process(1)
    data = load(config.data.name)
    new = not (run / "run.json").exists()
    folder = RunFolder.create(run, config) if new else RunFolder.open(run)
    train(folder, data, on_progress=trained, stop=stopped)
    between("attacking", 0, plan.attack.pairs)
    battery = run_battery(
        folder,
        data,
        plan.attack,
        on_pairs=lambda now: between("attacking", now.done, now.pairs),
    )
    measure_battery(
        battery,
        load_model(folder),
        on_progress=lambda done, pairs: between("measuring", done, pairs),
    )
    evaluate(
        folder,
        data,
        plan.evaluation,
        on_progress=lambda what, done, total: between(f"evaluating {what}", done, total),
    )
