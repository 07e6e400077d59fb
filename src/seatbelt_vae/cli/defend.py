"""``defend``: harden the encoder of any model, and store it as a model of its own."""

from dataclasses import asdict
from typing import Any

from seatbelt_vae.cli.defend_options import Defend
from seatbelt_vae.cli.progress_bars import ProgressLines
from seatbelt_vae.cli.signals import stoppable
from seatbelt_vae.cli.stdout import print_json
from seatbelt_vae.cli.targets import check_target, open_target
from seatbelt_vae.parallel.process_settings import tune_process

__all__ = ["run"]


def run(options: Defend) -> None:
    """Harden or resume, and print the cost in clean images."""
    assert options.out is not None  # checked by its options
    check_target(options, new_model=True)
    tune_process(options.hardening.threads)
    with ProgressLines(quiet=options.output.quiet) as progress, stoppable() as stop:
        from seatbelt_vae.hardening import defend

        subject, data = open_target(options, progress.say)

        def show(step: int, steps: int, terms: dict[str, float]) -> None:
            figures = "  ".join(f"{name} {value:.3f}" for name, value in terms.items())
            progress.show("hardening", step, steps, figures)

        found = defend(
            subject, data, options.hardening, out=options.out, on_progress=show, stop=stop
        )
    if found is None:  # stopped; `stoppable` has raised
        return
    numbers: dict[str, Any] = {k: v for k, v in asdict(found).items() if k != "subject"}
    if options.output.json:
        print_json({"subject": str(options.out), **numbers})
        return
    print(f"hardened: {options.out}")
    change = found.error_after / found.error_before - 1
    print(f"clean reconstruction error {change:+.1%} on held-out images")
    print(f"clean codes moved by {found.code_shift:.3g} of their variance")
    print(f"audit it: seatbelt-vae audit {options.out}")
