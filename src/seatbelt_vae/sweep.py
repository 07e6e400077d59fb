"""Several small models trained at once on one machine: a grid over β, latent sizes, seeds, …"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from seatbelt_vae.config import RunConfig
from seatbelt_vae.errors import ForeignStateError
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.side_by_side import News, Tell, available_cores, work_side_by_side

__all__ = ["SweepResult", "run_sweep"]

_STEPS_BETWEEN_NEWS = 10


@dataclass(frozen=True)
class SweepResult:
    """What a sweep leaves.

    Args:
        runs: the finished run folders, by name.
        failures: one line for each that was not finished, by name.
    """

    runs: dict[str, RunFolder]
    failures: dict[str, str]


def run_sweep(
    out: Path,
    configs: Mapping[str, RunConfig],
    *,
    jobs: int | None = None,
    on_news: Callable[[News], None] = lambda _: None,
) -> SweepResult:
    """Train a model for each of some settings, a few at a time, each in a process of its own.

    What is finished in ``out`` is kept and what is not is resumed; every run is the one that
    `train` makes of its settings, whatever trains beside it. One that fails does not stop the
    others.

    Args:
        out: folder of the run folders.
        configs: the settings by the names of their run folders.
        jobs: how many train at a time, the machine's cores dealt out among them (default: one a
            core).
        on_news: called with how far each is.

    Raises:
        ForeignStateError: a folder holds a run with other settings; nothing has been trained then.
        KeyboardInterrupt: passed on after every process has stopped at a resumable point.
    """
    for name, config in configs.items():
        if (out / name / "run.json").exists() and RunFolder.open(out / name).config != config:
            raise ForeignStateError(
                f"{out / name} holds a run with other settings: give another folder, or delete it"
            )
    at_once = jobs or available_cores()
    work = {
        name: partial(_train, out / name, config)
        for name, config in configs.items()
        if not _finished(out / name)
    }
    threads = max(1, available_cores() // at_once)
    failures = work_side_by_side(work, on_news, at_once=at_once, threads=threads)
    return SweepResult(
        {name: RunFolder.open(out / name) for name in configs if name not in failures}, failures
    )


def _finished(run: Path) -> bool:
    return (run / "model.safetensors").exists()


def _train(run: Path, config: RunConfig, tell: Tell, stopped: Callable[[], bool]) -> None:
    from seatbelt_vae.data import load
    from seatbelt_vae.own_process import tune_process
    from seatbelt_vae.training import Progress, train

    def show(now: Progress) -> None:
        if now.step % _STEPS_BETWEEN_NEWS == 0 or now.step == now.steps:
            tell("training", now.step, now.steps, f"ELBO {now.terms['elbo']:.1f} nats")

    if config.training.threads is not None:
        tune_process(config.training.threads)
    chosen = config.data
    data = load(
        chosen.name, chosen.root, chosen.images, chosen.image_size, skip_bad=chosen.skip_bad
    )
    new = not (run / "run.json").exists()
    folder = RunFolder.create(run, config) if new else RunFolder.open(run)
    train(folder, data, on_progress=show, stop=stopped)
