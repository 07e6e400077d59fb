"""``app``: open the models, and serve the page; or repeat a case that the page stored."""

import sys
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from seatbelt_vae.cli.app_options import App
from seatbelt_vae.cli.stdout import print_json, print_table
from seatbelt_vae.cli.targets import check_target, open_target
from seatbelt_vae.errors import ArtifactError, ConfigError
from seatbelt_vae.parallel.operating_system import available_cores
from seatbelt_vae.parallel.process_settings import tune_process
from seatbelt_vae.runs.zoo_folder import ZOO, is_in_zoo, zoo_models

if TYPE_CHECKING:
    from seatbelt_vae.data import ImageData
    from seatbelt_vae.subjects import Subject

__all__ = ["run"]

_ALIKE = 1e-4
_FIRST = "faces-vae"


def run(options: App) -> None:
    """Serve the page until the process is stopped, or repeat a case.

    Raises:
        ConfigError: the extra is not installed, or the address cannot be used.
        ArtifactError: a repeated attack differs from the stored one.
    """
    if options.repeat is not None:
        _repeat(options)
        return
    if find_spec("gradio") is None:
        raise ConfigError("the page needs the extra app: pip install 'seatbelt-vae[app]'")
    from seatbelt_vae.app.limits import Limits
    from seatbelt_vae.app.opening import opened_page
    from seatbelt_vae.app.server import bound_socket, serve

    threads = max(1, available_cores() // 2)  # two models are attacked side by side
    tune_process(threads)
    limits = Limits(seconds=options.seconds, at_once=options.at_once, waiting=options.waiting)
    targets = options.subjects or tuple(f"{ZOO}{name}" for name in sorted(zoo_models(), key=_order))
    with bound_socket(options.host, options.port) as listening:
        say = partial(_say, quiet=options.output.quiet)
        opened, words = partial(_opened, options), options.opening
        page = opened_page(targets, opened, limits, threads, options.host, say, words)
        host, port = listening.getsockname()[:2]
        address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        if options.output.json:
            print_json({"address": address})
        else:
            print(f"{address}  (Ctrl-C ends it)")
        sys.stdout.flush()
        serve(page, listening)


def _order(name: str) -> tuple[bool, str]:
    """The model without a defence first, then by name."""
    return name != _FIRST, name


def _opened(options: App, target: str) -> "tuple[Subject, ImageData | None]":
    """A subject and its data; None for a model of the zoo without --data."""
    flags = options.flags_of(target)
    check_target(flags)
    if is_in_zoo(target) and options.data is None and options.root is None:
        from seatbelt_vae.subjects import open_subject

        return open_subject(target, None, flags.adapter), None
    return open_target(flags)


def _repeat(options: App) -> None:
    from seatbelt_vae.app.repeat_case import repeat_case

    assert options.repeat is not None
    subjects = [_opened(options, target)[0] for target in options.subjects]
    rows = repeat_case(options.repeat, subjects)
    if options.output.json:
        print_json({"rows": [vars(row) for row in rows]})
    else:
        print_table(
            str(options.repeat),
            ["model", "ε", "loss in the case", "loss again", "largest difference of x*"],
            [
                [
                    row.subject,
                    f"{row.epsilon:.3g}",
                    f"{row.stored:.6g}",
                    f"{row.again:.6g}",
                    f"{row.difference:.1g}",
                ]
                for row in rows
            ],
        )
    worst = max(abs(row.again - row.stored) / max(abs(row.stored), 1e-6) for row in rows)
    if worst > _ALIKE:
        raise ArtifactError(
            f"the losses differ by up to {100 * worst:.2g} %, expected those of the case: another "
            f"processor, version or number of threads rounds differently"
        )


def _say(message: str, *, quiet: bool) -> None:
    if not quiet:
        print(f"seatbelt-vae: {message}", file=sys.stderr)
