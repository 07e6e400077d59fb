"""``audit``: attack any model with a portfolio of losses, and give a verdict."""

import logging
import traceback
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from seatbelt_vae.cli.audit_options import Audit
from seatbelt_vae.cli.invocation import invocation
from seatbelt_vae.cli.progress_bars import ProgressLines
from seatbelt_vae.cli.stdout import print_json, print_table
from seatbelt_vae.cli.targets import check_target, load_target
from seatbelt_vae.errors import (
    ArtifactError,
    ForeignStateError,
    ModelError,
    SeatbeltError,
    UnreadableError,
)
from seatbelt_vae.parallel.operating_system import available_cores
from seatbelt_vae.parallel.process_settings import threads_beside, tune_process
from seatbelt_vae.parallel.worker_pool import ProgressReporter, helpers

if TYPE_CHECKING:
    from seatbelt_vae.data import ImageData
    from seatbelt_vae.runs.audit_answers import Defence
    from seatbelt_vae.runs.audit_document import Check
    from seatbelt_vae.subjects import Subject

__all__ = ["run"]


def run(options: Audit) -> int:
    """Audit a model, print the verdict, and return the exit status."""
    try:
        return _run(options)
    except (SeatbeltError, BrokenPipeError):
        raise
    except Exception:
        traceback.print_exc()
        return 2  # a crash is no verdict


def _run(options: Audit) -> int:
    check_target(options)
    processes = options.processes or available_cores()
    threads = threads_beside(processes, options.audit.threads)
    tune_process(threads)
    if options.check_only:
        return _check(*_opened(options), options)
    from seatbelt_vae.auditing.audit_model import audit
    from seatbelt_vae.auditing.exit_codes import exit_code
    from seatbelt_vae.auditing.junit import write_junit
    from seatbelt_vae.auditing.screen import screen_text

    with ProgressLines(quiet=options.output.quiet) as progress:
        subject, data = _opened(options, progress.say)
        work = partial(_help, options)
        with helpers(processes - 1, work, threads=threads or 1, on_failure=progress.say):
            found = audit(
                subject,
                data,
                options.audit,
                rules=options.fail_if,
                despite_checks=options.despite_checks,
                command=invocation(),
                processes=processes,
                on_progress=lambda *done: progress.show(*done),
                say=progress.say,
            )
        tried = _tried(subject, data, options, progress) if options.try_defences else None
    if options.junit is not None:
        write_junit(options.junit, found)
    if options.output.json:
        print_json(asdict(found) | ({} if tried is None else tried.document))
    else:
        print(screen_text(found))
        if tried is not None:
            tried.show()
    return exit_code(found.verdict)


class _Tried(NamedTuple):
    """The cheap defences, and the minutes of a hardening with default settings, if it can be."""

    defences: "list[Defence]"
    minutes: float | None

    @property
    def document(self) -> dict[str, Any]:
        """The keys that are added to the audit with ``--json``."""
        found = [asdict(each) | {"verdict": each.verdict} for each in self.defences]
        return {"tried_defences": found, "hardening_minutes": self.minutes}

    def show(self) -> None:
        """Print one row per defence; a number that does not exist is a dash."""
        rows = []
        for each in self.defences:
            gap = next(iter(each.gaps), None)
            gaps = (None,) * 3 if gap is None else (gap.undefended, gap.value, gap.fresh)
            numbers = ("–" if value is None else f"{value:.2f}" for value in gaps)
            change = "–" if each.error_change is None else f"{each.error_change:+.0%}"
            cost = "–" if each.cost is None else f"{each.cost:.1f} ×"
            rows.append([each.name, *numbers, change, cost, each.verdict])
        columns = ["--with", "gap@0.2 without", "with", "fresh noise", "clean error", "time", ""]
        print_table("defences at inference, at most 5 pairs", columns, rows, words=(0, 6))
        if self.minutes is not None:
            print(f"harden the encoder: seatbelt-vae defend, about {self.minutes:.0f} minutes here")


def _tried(
    subject: "Subject", data: "ImageData", options: Audit, progress: ProgressLines
) -> _Tried:
    from seatbelt_vae.auditing.trial_defences import hardening_minutes, try_defences

    found = try_defences(subject, data, options.audit, lambda *done: progress.show(*done))
    return _Tried(list(found), hardening_minutes(subject, data))


def _check(subject: "Subject", data: "ImageData", options: Audit) -> int:
    """Print how the model is read, and the checks on images; status 2 if one is raised."""
    from seatbelt_vae.auditing.adapter_checks import adapter_checks
    from seatbelt_vae.auditing.audited_images import audited_images

    images = audited_images(subject, data, options.audit)
    checks = adapter_checks(subject, images)
    assumptions = getattr(subject.model, "assumptions", {})
    if options.output.json:
        print_json({"assumptions": assumptions, "checks": [asdict(check) for check in checks]})
    else:
        rows = [["assumed", name, str(value), ""] for name, value in assumptions.items()]
        for each in checks:
            limit = f"{each.value:.3g} (at most {each.limit:g})"
            rows.append(["doubt" if each.raised else "fine", each.id, limit, _advice(each)])
        if not checks:
            advice = "give at least 8 images: with fewer, a wrong reading is not found"
            rows.append(["skipped", "checks", f"{len(images.data.test)} images", advice])
        print_table(subject.name, ["", "about", "value", "do"], rows, words=range(4))
    return 2 if any(check.raised for check in checks) else 0


def _advice(check: "Check") -> str:
    return f"{check.problem}: {check.do}" if check.raised else ""


def _opened(
    options: Audit, say: Callable[[str], object] = lambda _: None
) -> "tuple[Subject, ImageData]":
    """The model and its data; a damaged file of the model is a model that is not supported."""
    try:
        return load_target(options, say)
    except (UnreadableError, ForeignStateError):
        raise
    except ArtifactError as error:
        raise ModelError(str(error)) from error


def _help(options: Audit, _tell: ProgressReporter, stopped: Callable[[], bool]) -> None:
    """Attack pairs in a helper process."""
    from seatbelt_vae.auditing.audited_images import audited_images
    from seatbelt_vae.auditing.pair_store import attack_pairs
    from seatbelt_vae.auditing.time_plan import waited_for

    def check(*_: object) -> None:
        if stopped():
            raise KeyboardInterrupt

    logging.getLogger("seatbelt_vae").setLevel(logging.ERROR)  # the first process logs the same
    tune_process(options.audit.threads)
    subject, data = load_target(options)
    images, folder = audited_images(subject, data, options.audit), subject.place / "audit"
    config, images = waited_for(folder, subject, images, options.audit, check)
    attack_pairs(folder, subject, images, config, check)
