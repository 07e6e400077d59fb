"""``train``: train one model and store it in one run folder."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatbelt_vae.cli.options import Train
from seatbelt_vae.cli.progress_bars import ProgressLines
from seatbelt_vae.cli.signals import stoppable
from seatbelt_vae.cli.stdout import print_json
from seatbelt_vae.cli.torchrun import InTurn, torchrun_group
from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.parallel.process_settings import tune_process
from seatbelt_vae.parallel.sole_worker import sole_worker
from seatbelt_vae.runs import RunFolder

if TYPE_CHECKING:
    from seatbelt_vae.training import Progress

__all__ = ["run"]


def run(options: Train) -> None:
    """Train or resume; all settings are checked before a file is written."""
    with torchrun_group(options.run_config.training.device) as in_turn:
        _train(options, in_turn)


def _train(options: Train, in_turn: InTurn) -> None:
    from seatbelt_vae.data import load_for

    config = options.run_config
    loaded = partial(load_for, config)
    # the other processes read the data that the first prepares
    data = in_turn(loaded, loaded)
    opened = partial(RunFolder.open, options.folder)
    created = partial(RunFolder.create, options.folder, config)
    folder = in_turn(opened if options.resume else created, opened)
    with (
        _nothing_left_of(folder.path) if not options.resume else nullcontext(),
        ProgressLines(quiet=options.output.quiet) as progress,
        stoppable() as stop,
    ):
        progress.show("training", 0, 0, f"getting ready, {len(data.train):,} images")
        from seatbelt_vae.training import train

        last: dict[str, Any] = {}

        def show(now: "Progress") -> None:
            last.update(steps=now.step, terms=dict(now.terms))
            progress.show("training", now.step, now.steps, _figures(now))

        tune_process(config.training.threads)
        train(folder, data, settings=config, on_progress=show, stop=stop)
    if options.output.json:
        print_json({"run": str(folder.path), **last})
    else:
        print(f"trained: {folder.path}")


def _figures(now: "Progress") -> str:
    divergences = [value for name, value in now.terms.items() if name.startswith("divergence_")]
    return (
        f"{now.images_per_second:,.0f} images/s  ELBO {now.terms['elbo']:.1f}  "
        f"KL {' '.join(f'{value:.1f}' for value in divergences)} nats"
    )


@contextmanager
def _nothing_left_of(new: Path) -> Iterator[None]:
    """Delete a new run folder if an error ends its training before the first checkpoint.

    A folder in which another process has begun to train meanwhile is kept.
    """
    try:
        yield
    except Exception:
        if not any(new.glob("checkpoints/step-*")):
            with suppress(ArtifactError):
                with sole_worker(new, "training"):
                    pass
                shutil.rmtree(new, ignore_errors=True)
        raise
