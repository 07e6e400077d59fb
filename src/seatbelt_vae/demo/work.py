"""What is done with one model of the demo, in a process of its own."""

from collections.abc import Callable
from pathlib import Path

from seatbelt_vae.demo.plan import Plan
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.side_by_side import Tell

__all__ = ["work"]

_STEPS_BETWEEN_NEWS = 10


def work(run: Path, name: str, plan: Plan, tell: Tell, stopped: Callable[[], bool]) -> None:
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

    config = plan.run_config(name)
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
